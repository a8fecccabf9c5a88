package account

import (
	"fmt"
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// Length of the one label in front of a service domain.
const (
	minLabel = 3
	maxLabel = 18
)

// HandleRules says which handles this server gives out.
type HandleRules struct {
	Domains []string // service domains with leading dot: ".example.com"
}

// Service reports whether h lies under one of the service domains.
func (r HandleRules) Service(h syntax.Handle) bool { return r.domain(h.Normalize()) != "" }

// domain is the longest service domain that a normalised handle ends in, or "".
func (r HandleRules) domain(h syntax.Handle) (longest string) {
	for _, d := range r.Domains {
		d = strings.ToLower(d)
		if strings.HasSuffix(h.String(), d) && len(d) > len(longest) {
			longest = d
		}
	}
	return longest
}

// Check normalises a handle and judges it. external means that it lies under no
// service domain: it must resolve to the DID that wants it, which the caller
// checks. byAdmin lifts the list of reserved names.
// Errors: ErrInvalidHandle (or one of those that say what about it),
// ErrHandleNotAvailable.
func (r HandleRules) Check(raw string, byAdmin bool) (h syntax.Handle, external bool, err error) {
	h, err = syntax.ParseHandle(strings.TrimSpace(raw))
	if err != nil {
		return "", false, fmt.Errorf("%w: syntax", ErrInvalidHandle)
	}
	h = h.Normalize()
	if !h.AllowedTLD() {
		return "", false, ErrHandleTLD
	}
	domain := r.domain(h)
	if domain == "" {
		return h, true, nil
	}
	label := strings.TrimSuffix(h.String(), domain)
	switch {
	case strings.Contains(label, "."):
		err = ErrHandleDots
	case len(label) < minLabel:
		err = ErrHandleShort
	case len(label) > maxLabel:
		err = ErrHandleLong
	case !byAdmin && reserved[label]:
		err = fmt.Errorf("%w: %s", ErrHandleNotAvailable, label)
	}
	if err != nil {
		return "", false, err
	}
	return h, false, nil
}
