package permission

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// ErrNotASet: a lexicon is not a permission set.
var ErrNotASet = errors.New("permission: not a permission set")

// Published is a permission set as its lexicon publishes it
// (atproto.com/specs/lexicon, "permission-set").
type Published struct {
	Title   string            // what people are told that they allow
	Titles  map[string]string // the same by language
	Detail  string
	Details map[string]string

	entries []map[string]any
}

// ReadPublished reads a lexicon document whose main definition is a permission set.
func ReadPublished(doc []byte) (Published, error) {
	var lex struct {
		Defs struct {
			Main struct {
				Type        string            `json:"type"`
				Title       string            `json:"title"`
				Titles      map[string]string `json:"title:lang"`
				Detail      string            `json:"detail"`
				Details     map[string]string `json:"detail:lang"`
				Permissions []map[string]any  `json:"permissions"`
			} `json:"main"`
		} `json:"defs"`
	}
	if err := json.Unmarshal(doc, &lex); err != nil {
		return Published{}, fmt.Errorf("%w: %w", ErrNotASet, err)
	}
	m := lex.Defs.Main
	if m.Type != "permission-set" {
		return Published{}, fmt.Errorf("%w: its main definition is a %q", ErrNotASet, m.Type)
	}
	return Published{m.Title, m.Titles, m.Detail, m.Details, m.Permissions}, nil
}

// Expand lists what including a set grants. A set may give away only what is
// named below its own authority: repo and rpc whose every NSID begins with the
// set's NSID up to its last dot. Entries that are anything else grant nothing.
func (i Include) Expand(p Published) []Value {
	var out []Value
	for _, entry := range p.entries {
		v, ok := i.entry(entry)
		if !ok {
			continue
		}
		switch v := v.(type) {
		case Repo:
			if every(v.Collections, i.governs) {
				out = append(out, v)
			}
		case RPC:
			if every(v.Methods, i.governs) {
				out = append(out, v)
			}
		}
	}
	return out
}

func (i Include) entry(entry map[string]any) (Value, bool) {
	w := written{bare: true}
	inherit := false
	for key, value := range entry {
		switch v := value.(type) {
		case string:
			if single := key == "aud"; single {
				w.add(key, v)
			} else if key == "resource" {
				w.resource = v
			} else if key != "type" {
				return nil, false // lists are written as lists
			}
		case []any:
			if key == "aud" || len(v) == 0 {
				return nil, false
			}
			for _, e := range v {
				s, ok := e.(string)
				if !ok {
					return nil, false
				}
				w.add(key, s)
			}
		case bool:
			if key != "inheritAud" {
				return nil, false
			}
			inherit = v
		default:
			return nil, false
		}
	}
	if w.resource != "rpc" && (w.resource != "repo" || inherit) {
		return nil, false
	}
	if w.resource == "rpc" {
		switch aud, given, _ := w.one("aud"); {
		case given && (aud != Any || inherit): // a set does not choose a service for the person
			return nil, false
		case !given && inherit && i.Audience != "":
			w.add("aud", i.Audience)
		}
	}
	return w.value()
}

// governs reports whether a name is below the set's authority.
func (i Include) governs(nsid string) bool {
	group := i.NSID.String()
	group = group[:strings.LastIndexByte(group, '.')+1]
	return nsid != Any && len(nsid) > len(group) && strings.HasPrefix(nsid, group)
}

// Expand replaces every Include of a set by what it grants. lookup finds the
// published set; its error is returned.
func (s Set) Expand(lookup func(syntax.NSID) (Published, error)) (Set, error) {
	var out Set
	for _, v := range s.values {
		i, ok := v.(Include)
		if !ok {
			out.values = append(out.values, v)
			continue
		}
		p, err := lookup(i.NSID)
		if err != nil {
			return Set{}, fmt.Errorf("permission: %s: %w", i.NSID, err)
		}
		out.values = append(out.values, i.Expand(p)...)
	}
	return out, nil
}

// Within reports whether every part of the set is also, in the same words, in
// another: what a person may narrow a request to.
func (s Set) Within(all Set) bool {
	return every(strings.Fields(s.String()), func(v string) bool {
		return slices.Contains(strings.Fields(all.String()), v)
	})
}
