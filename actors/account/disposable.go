package account

import (
	"bufio"
	_ "embed"
	"fmt"
	"io"
	"strings"
)

//go:embed disposable.txt
var wellKnownDisposable string

// EmailRules say which addresses are taken. The zero rules take every address
// that is one.
type EmailRules struct{ disposable map[string]bool }

// NewEmailRules refuses addresses of well-known domains that hand out throw-away
// mail, and those of the operator's own list (nil: none) in the same form: a
// domain a line, # begins a comment. A line that begins with ! takes a domain
// off the well-known ones.
func NewEmailRules(own io.Reader) (EmailRules, error) {
	r := EmailRules{disposable: map[string]bool{}}
	if err := r.read(strings.NewReader(wellKnownDisposable)); err != nil {
		return r, err
	}
	if own == nil {
		return r, nil
	}
	return r, r.read(own)
}

func (r EmailRules) read(from io.Reader) error {
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		domain := strings.ToLower(strings.TrimSpace(line))
		allowed, off := strings.CutPrefix(domain, "!")
		switch {
		case domain == "":
		case off:
			delete(r.disposable, strings.TrimSpace(allowed))
		default:
			r.disposable[strings.TrimPrefix(domain, "@")] = true
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("account: list of mail domains: %w", err)
	}
	return nil
}

// Parse is ParseEmail, and refuses throw-away addresses. ErrInvalidEmail.
func (r EmailRules) Parse(raw string) (Email, error) {
	e, err := ParseEmail(raw)
	if err != nil {
		return "", err
	}
	_, domain, _ := strings.Cut(string(e), "@")
	for more := true; more; _, domain, more = strings.Cut(domain, ".") {
		if r.disposable[domain] {
			return "", fmt.Errorf("%w: throw-away domain %s", ErrInvalidEmail, domain)
		}
	}
	return e, nil
}
