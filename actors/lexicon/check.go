package lexicon

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/bluesky-social/indigo/atproto/atdata"
	"github.com/ipfs/go-cid"
)

// maxSafe is the largest integer of the data model: what a JavaScript number holds exactly.
const maxSafe = 1<<53 - 1

// check holds a value to a schema. It recurses no deeper than the value is nested, which its decoder has bounded.
func check(s *schema, v any, p *path) error {
	s = s.resolved()
	switch s.kind {
	case kindObject:
		object, ok := v.(map[string]any)
		if !ok {
			return p.fail("must be an object")
		}
		return checkObject(s.object, object, p)
	case kindArray:
		return checkArray(s.array, v, p)
	case kindString:
		text, ok := v.(string)
		if !ok {
			return p.fail("must be a string")
		}
		return s.text.check(text, p)
	case kindInteger:
		n, ok := integer(v)
		if !ok {
			return p.fail("must be an integer")
		}
		return s.number.check(n, p)
	case kindBoolean:
		b, ok := v.(bool)
		if !ok {
			return p.fail("must be a boolean")
		}
		if s.truth.constant != nil && b != *s.truth.constant {
			return p.fail("must be " + strconv.FormatBool(*s.truth.constant))
		}
		return nil
	case kindBytes:
		return checkBytes(s.size, v, p)
	case kindCIDLink:
		if _, ok := link(v); !ok {
			return p.fail("must be a CID")
		}
		return nil
	case kindBlob:
		return checkBlob(s.blob, v, p)
	case kindUnion:
		return checkUnion(s.union, v, p)
	case kindUnknown:
		switch v.(type) {
		case map[string]any, skipped:
			return nil
		}
		return p.fail("must be an object")
	}
	return p.fail("cannot have a value") // a token is a name, not data
}

func checkObject(o *objectRules, v map[string]any, p *path) error {
	if len(o.properties) > sparse+sparse*len(v) {
		return checkSparse(o, v, p)
	}
	for i := range o.properties {
		property := &o.properties[i]
		value, there := v[property.name]
		if !there {
			if property.required {
				return p.fail(`must have the property "` + property.name + `"`)
			}
			continue
		}
		if value == nil && property.nullable {
			continue
		}
		if err := check(property.schema, value, &path{parent: p, name: property.name}); err != nil {
			return err
		}
	}
	return nil
}

// sparse is how many properties per member of a value are gone through one by one.
const sparse = 64

// checkSparse is checkObject at a cost that the value bounds and not the schema, which may be a stranger's: a record has
// room for 300,000 empty objects, and a schema for thousands of properties that none of them has.
func checkSparse(o *objectRules, v map[string]any, p *path) error {
	for _, property := range o.required {
		if _, there := v[property.name]; !there {
			return p.fail(`must have the property "` + property.name + `"`)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		property := o.byName[name]
		if property == nil || v[name] == nil && property.nullable {
			continue
		}
		if err := check(property.schema, v[name], &path{parent: p, name: name}); err != nil {
			return err
		}
	}
	return nil
}

func checkArray(a *arrayRules, v any, p *path) error {
	elements, ok := v.([]any)
	if !ok {
		return p.fail("must be an array")
	}
	if err := a.checkLength(len(elements), p); err != nil {
		return err
	}
	for i, element := range elements {
		if err := check(a.items, element, &path{parent: p, index: i}); err != nil {
			return err
		}
	}
	return nil
}

func (a *arrayRules) checkLength(n int, p *path) error {
	if a.above(int64(n)) {
		return p.fail("must not have more than " + decimal(*a.max) + " elements")
	}
	if a.below(int64(n)) {
		return p.fail("must not have fewer than " + decimal(*a.min) + " elements")
	}
	return nil
}

func (n *integerRules) check(v int64, p *path) error {
	switch {
	case n.constant != nil && v != *n.constant:
		return p.fail("must be " + decimal(*n.constant))
	case n.enum != nil && !slices.Contains(n.enum, v):
		names := make([]string, len(n.enum))
		for i, e := range n.enum {
			names[i] = decimal(e)
		}
		return p.fail("must be one of (" + strings.Join(names, "|") + ")")
	case n.above(v):
		return p.fail("can not be greater than " + decimal(*n.max))
	case n.below(v):
		return p.fail("can not be less than " + decimal(*n.min))
	}
	return nil
}

// checkUnion requires an object that names its type. A name the lexicon does not list is an extension somebody else
// made: let through, unless the union is closed.
func checkUnion(u *unionRules, v any, p *path) error {
	object, _ := v.(map[string]any)
	name, _ := object["$type"].(string)
	if name == "" {
		return p.fail(`must be an object which includes the "$type" property`)
	}
	if member := u.members[name]; member != nil {
		return check(member, object, p)
	}
	if u.closed {
		return p.fail("$type must be one of " + strings.Join(u.names, ", "))
	}
	return nil
}

func checkBytes(b *bounds, v any, p *path) error {
	n, ok := byteLength(v)
	switch {
	case !ok:
		return p.fail("must be a byte array")
	case b.above(n):
		return p.fail("must not be larger than " + decimal(*b.max) + " bytes")
	case b.below(n):
		return p.fail("must not be smaller than " + decimal(*b.min) + " bytes")
	}
	return nil
}

func checkBlob(b *blobRules, v any, p *path) error {
	blob, ok := blobOf(v)
	if !ok {
		return p.fail("must be a blob ref")
	}
	if len(b.accept) > 0 && !slices.ContainsFunc(b.accept, func(pattern string) bool { return acceptable(pattern, blob.MimeType) }) {
		return p.fail("must be a blob of type " + strings.Join(b.accept, ", ") + ", not " + blob.MimeType)
	}
	if b.maxSize != nil && blob.Size > *b.maxSize {
		return p.fail("must be a blob of at most " + decimal(*b.maxSize) + " bytes")
	}
	return nil
}

// The following read a value in the shape of dag.Decode or in that of encoding/json.

func integer(v any) (int64, bool) {
	switch n := v.(type) {
	case int64:
		return n, true
	case int:
		return int64(n), true
	case float64: // NaN and infinities fail the comparison
		return int64(n), n == math.Trunc(n) && math.Abs(n) <= maxSafe
	}
	return 0, false
}

func link(v any) (cid.Cid, bool) {
	switch l := v.(type) {
	case atdata.CIDLink:
		return cid.Cid(l), true
	case map[string]any:
		text, ok := l["$link"].(string)
		if !ok || len(l) != 1 {
			return cid.Undef, false
		}
		c, err := cid.Decode(text)
		return c, err == nil
	}
	return cid.Undef, false
}

func byteLength(v any) (int64, bool) {
	switch b := v.(type) {
	case atdata.Bytes:
		return int64(len(b)), true
	case map[string]any:
		text, ok := b["$bytes"].(string)
		if !ok || len(b) != 1 {
			return 0, false
		}
		raw, err := base64Std.DecodeString(strings.TrimRight(text, "="))
		return int64(len(raw)), err == nil
	}
	return 0, false
}

func blobOf(v any) (atdata.Blob, bool) {
	switch b := v.(type) {
	case atdata.Blob:
		return b, b.Size >= 0 // negative: the legacy form without a size, not for new records
	case map[string]any:
		ref, okRef := link(b["ref"])
		mime, okMime := b["mimeType"].(string)
		size, okSize := integer(b["size"])
		ok := okRef && okMime && okSize && size >= 0 && b["$type"] == "blob" && len(b) == 4
		return atdata.Blob{Ref: atdata.CIDLink(ref), MimeType: mime, Size: size}, ok
	}
	return atdata.Blob{}, false
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
