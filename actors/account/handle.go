package account

import (
	"fmt"
	"slices"
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
	// Apex lets the operator give an account the bare name of a service domain:
	// "example.com". Nobody can ask for it.
	Apex bool
}

// Ours reports whether nobody but this server says whose h is: it lies under one
// of the service domains, or is the bare name of one.
func (r HandleRules) Ours(h syntax.Handle) bool {
	h = h.Normalize()
	return r.domain(h) != "" || r.apex(h)
}

// apex reports whether a normalised handle is the bare name of a service domain.
func (r HandleRules) apex(h syntax.Handle) bool {
	return slices.ContainsFunc(r.Domains, func(d string) bool {
		return strings.EqualFold(d, "."+h.String())
	})
}

// HostedDID is the did:web whose document this server would answer under a
// handle, if the handle lies under one of the service domains, or else "".
func (r HandleRules) HostedDID(h syntax.Handle) syntax.DID {
	if h = h.Normalize(); r.domain(h) == "" {
		return ""
	}
	return syntax.DID("did:web:" + h.String())
}

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
// checks. byAdmin lifts the list of reserved names, and gives out bare names of
// domains where Apex is set.
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
	if r.apex(h) {
		switch {
		case !r.Apex:
			return h, true, nil
		case !byAdmin:
			return "", false, fmt.Errorf("%w: the bare name of a domain", ErrHandleNotAvailable)
		}
		return h, false, nil
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
	case !byAdmin && reservedLabel(label):
		err = fmt.Errorf("%w: %s", ErrHandleNotAvailable, label)
	}
	if err != nil {
		return "", false, err
	}
	return h, false, nil
}
