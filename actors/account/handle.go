package account

import "github.com/bluesky-social/indigo/atproto/syntax"

// HandleRules says which handles this server gives out.
type HandleRules struct {
	Domains []string // service domains with leading dot: ".example.com"
}

// Service reports whether h lies under one of the service domains.
func (r HandleRules) Service(h syntax.Handle) bool { panic("skeleton") }

// Check normalises a handle and judges it. external means that it lies under no
// service domain: it must resolve to the DID that wants it, which the caller
// checks. byAdmin lifts the list of reserved names.
// Errors: ErrInvalidHandle, ErrHandleNotAvailable.
func (r HandleRules) Check(raw string, byAdmin bool) (h syntax.Handle, external bool, err error) {
	panic("skeleton")
}
