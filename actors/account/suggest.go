package account

import (
	"strconv"
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// maxSuggestions is how many other handles are offered instead of one.
const maxSuggestions = 5

// Suggestion is a handle that somebody could have instead, and how it was made.
type Suggestion struct {
	Handle syntax.Handle
	Method string
}

// Suggest offers handles under the same service domain as h that rules and free
// allow. What it knows of the person may help: an address, the year of birth (0:
// not said).
func (r HandleRules) Suggest(h syntax.Handle, email Email, born int, free func(syntax.Handle) bool) (all []Suggestion) {
	domain := r.domain(h.Normalize())
	label := strings.TrimSuffix(h.Normalize().String(), domain)
	if domain == "" || label == "" {
		return nil
	}
	offer := func(method, label string) {
		h, external, err := r.Check(label+domain, false)
		if err != nil || external || !free(h) || len(all) == maxSuggestions {
			return
		}
		for _, s := range all {
			if s.Handle == h {
				return
			}
		}
		all = append(all, Suggestion{h, method})
	}
	if local, _, ok := strings.Cut(string(email), "@"); ok {
		offer("email", plainLabel(local))
	}
	if born > 0 {
		offer("handle_yob", label+strconv.Itoa(born%100))
		offer("handle_yob", label+strconv.Itoa(born))
	}
	for i := 1; i < 100 && len(all) < maxSuggestions; i++ {
		end := "-" + strconv.Itoa(i)
		offer("handle_number", strings.TrimRight(label[:min(len(label), maxLabel-len(end))], "-")+end)
	}
	return all
}

// plainLabel keeps of a text what a label may hold.
func plainLabel(text string) string {
	label := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			return c
		case c == '.' || c == '_' || c == '-':
			return '-'
		}
		return -1
	}, strings.ToLower(text))
	return strings.Trim(label[:min(len(label), maxLabel)], "-")
}
