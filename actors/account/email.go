package account

import (
	"fmt"
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// ParseEmail checks the syntax of an address and lower-cases it. ErrInvalidEmail.
//
// It takes the dot-atom form of RFC 5322 over a host name of at least two
// labels, in ASCII. Quoted local parts, comments, address literals and
// everything with a control character are refused: none of them is anybody's
// address, all of them have been used to write mail headers.
func ParseEmail(raw string) (Email, error) {
	local, domain, ok := strings.Cut(raw, "@")
	switch {
	case !ok || len(raw) > 254 || len(local) == 0 || len(local) > 64:
		return "", fmt.Errorf("%w: not of the form name@domain", ErrInvalidEmail)
	case local[0] == '.' || local[len(local)-1] == '.' || strings.Contains(local, ".."):
		return "", fmt.Errorf("%w: stray dot", ErrInvalidEmail)
	}
	for i := range len(local) {
		if !atom(local[i]) && local[i] != '.' {
			return "", fmt.Errorf("%w: character %q", ErrInvalidEmail, local[i])
		}
	}
	// A handle is exactly a host name of two or more labels that is no address.
	if _, err := syntax.ParseHandle(domain); err != nil {
		return "", fmt.Errorf("%w: domain", ErrInvalidEmail)
	}
	return Email(strings.ToLower(raw)), nil
}

// SearchedEmail is a part of an address as it is looked for.
func SearchedEmail(raw string) Email { return Email(strings.ToLower(strings.TrimSpace(raw))) }

// atom reports whether c is atext of RFC 5322, section 3.2.3.
func atom(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}
