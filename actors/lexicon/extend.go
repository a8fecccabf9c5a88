package lexicon

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// maxChoices is how many values an enum, an accept list or a union of a stranger's schema may have: each value of a
// record is compared with all of them.
const maxChoices = 128

// Extend compiles documents of strangers, which may refer to each other and to what c knows. The catalog it returns
// knows the record types of these documents and nothing else; it shares schemas with c. Methods are not looked into. It
// refuses what Parse refuses, a document that c has already, and one that would make a check cost more than the
// record checked is worth.
func (c *Catalog) Extend(documents ...[]byte) (*Catalog, error) {
	for _, text := range documents {
		var d document
		if err := json.Unmarshal(text, &d); err != nil {
			return nil, fmt.Errorf("lexicon: %w", err)
		}
		if d.Lexicon != 1 {
			return nil, fmt.Errorf("lexicon: %.100q is in version %d of the language", d.ID, d.Lexicon)
		}
		if c.documents[d.ID] {
			return nil, fmt.Errorf("lexicon: %s is not to be replaced", d.ID)
		}
		for name, def := range d.Defs {
			err := def.each(func(one *definition) error {
				var enum []json.RawMessage
				if one.Enum != nil && json.Unmarshal(one.Enum, &enum) != nil || max(len(enum), len(one.Accept), len(one.Refs)) > maxChoices {
					return fmt.Errorf("lexicon: %s#%s lets choose among more than %d", d.ID, name, maxChoices)
				}
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return compile(c.named, documents)
}

// References lists the documents that one refers to and c does not have, in order and without itself: what Extend
// needs beside it.
func (c *Catalog) References(text []byte) ([]syntax.NSID, error) {
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, fmt.Errorf("lexicon: %w", err)
	}
	found := map[syntax.NSID]bool{}
	for _, def := range d.Defs {
		if def != nil && slices.Contains([]string{"query", "procedure", "subscription"}, def.Type) {
			continue
		}
		err := def.each(func(one *definition) error {
			refs := one.Refs
			if one.Type == "ref" {
				refs = []string{one.Ref}
			}
			for _, ref := range refs {
				id, _, _ := strings.Cut(ref, "#")
				if id == "" || id == d.ID || c.documents[id] {
					continue
				}
				nsid, err := syntax.ParseNSID(id)
				if err != nil {
					return fmt.Errorf("lexicon: reference to %.100q: %w", ref, err)
				}
				found[nsid] = true
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// each calls fn for a definition and all inside of it that describe data. JSON bounds how deep that is.
func (d *definition) each(fn func(*definition) error) error {
	if d == nil {
		return nil
	}
	if err := fn(d); err != nil {
		return err
	}
	for _, inner := range d.Properties {
		if err := inner.each(fn); err != nil {
			return err
		}
	}
	if err := d.Items.each(fn); err != nil {
		return err
	}
	return d.Record.each(fn)
}

// Has tells whether a document is part of the catalog, be it a record type or not.
func (c *Catalog) Has(nsid syntax.NSID) bool { return c.documents[nsid.String()] }
