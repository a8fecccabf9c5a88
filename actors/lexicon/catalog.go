package lexicon

import (
	"maps"
	"slices"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// Catalog is an immutable set of schemas, safe for use from any goroutine. Make one with Parse or take Embedded.
type Catalog struct {
	methods map[syntax.NSID]*Method
	records map[syntax.NSID]*record
	sorted  []*Method

	// for extensions
	named     map[string]*schema // by "nsid#name": what they may refer to
	documents map[string]bool    // by NSID: what they may not bring again
}

func (c *Catalog) index() {
	for _, nsid := range slices.Sorted(maps.Keys(c.methods)) {
		c.sorted = append(c.sorted, c.methods[nsid])
	}
}

// Method returns the query, procedure or subscription of that name.
func (c *Catalog) Method(nsid syntax.NSID) (*Method, bool) {
	m, ok := c.methods[nsid]
	return m, ok
}

// Methods returns every method, sorted by NSID. The slice is the caller's, the methods are shared.
func (c *Catalog) Methods() []*Method { return slices.Clone(c.sorted) }

// KnownRecord reports whether CheckRecord has a schema for records of that collection.
func (c *Catalog) KnownRecord(collection syntax.NSID) bool {
	_, ok := c.records[collection]
	return ok
}

// CheckRecord checks a record, in the shapes that dag.Decode makes, and its key against the schema of its collection:
// $type, every rule of the schema, strict datetimes, and the type of record key that the schema asks for.
// It returns ErrUnknown when there is no such schema and ErrInvalid (paths begin with "Record") when the record or
// its key breaks it. An empty rkey is not checked: it stands for a TID that is still to be minted.
func (c *Catalog) CheckRecord(collection syntax.NSID, rkey syntax.RecordKey, value any) error {
	r, ok := c.records[collection]
	if !ok {
		return ErrUnknown
	}
	if err := r.key.check(rkey); err != nil {
		return err
	}
	p := path{name: "Record"}
	object, ok := value.(map[string]any)
	if !ok {
		return p.fail("must be an object")
	}
	if name, _ := object["$type"].(string); name != string(collection) {
		p = path{parent: &path{name: "Record"}, name: "$type"}
		return p.fail("must be " + string(collection))
	}
	return check(r.schema, object, &p)
}

func (k keyRule) check(rkey syntax.RecordKey) error {
	p := path{name: "Record key"}
	if rkey == "" {
		if k.kind == keyAny || k.kind == keyTID {
			return nil
		}
		return p.fail("must be given")
	}
	switch k.kind {
	case keyTID:
		if !formats["tid"].valid(string(rkey)) {
			return p.fail("must be a valid TID")
		}
	case keyNSID:
		if !formats["nsid"].valid(string(rkey)) {
			return p.fail("must be a valid nsid")
		}
	case keyLiteral:
		if rkey != k.literal {
			return p.fail("must be " + string(k.literal))
		}
	}
	return nil
}
