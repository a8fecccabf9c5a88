package lexicon

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// compiler turns documents into a catalog. Every named definition gets its (empty) schema first, so that references
// may form cycles, and is filled in afterwards.
type compiler struct {
	named  map[string]*schema // by "nsid#name"
	known  map[string]*schema // what may be referred to beside them: of the catalog that is being extended
	unions []*unionRules
	base   string // the document being compiled
}

// Parse compiles a catalog out of lexicon documents, one JSON document each. It refuses a reference that leads
// nowhere, a document that is there twice, and definitions that contradict themselves.
func Parse(documents ...[]byte) (*Catalog, error) {
	return compile(nil, documents)
}

func compile(known map[string]*schema, documents [][]byte) (*Catalog, error) {
	parsed := make([]document, len(documents))
	c := compiler{named: map[string]*schema{}, known: known}
	for i, text := range documents {
		d := &parsed[i]
		if err := json.Unmarshal(text, d); err != nil {
			return nil, fmt.Errorf("lexicon: document %d: %w", i, err)
		}
		if _, err := syntax.ParseNSID(d.ID); err != nil {
			return nil, fmt.Errorf("lexicon: document %d: %w", i, err)
		}
		for name := range d.Defs {
			if c.find(d.ID+"#"+name) != nil {
				return nil, fmt.Errorf("lexicon: %s#%s is defined twice", d.ID, name)
			}
			c.named[d.ID+"#"+name] = &schema{}
		}
	}
	catalog := &Catalog{methods: map[syntax.NSID]*Method{}, records: map[syntax.NSID]*record{}, named: c.named, documents: map[string]bool{}}
	for _, d := range parsed {
		c.base, catalog.documents[d.ID] = d.ID, true
		for _, name := range slices.Sorted(maps.Keys(d.Defs)) {
			if err := c.define(catalog, name, d.Defs[name]); err != nil {
				return nil, fmt.Errorf("lexicon: %s#%s: %w", d.ID, name, err)
			}
		}
	}
	for name, s := range c.named {
		if s.kind == kindRef { // cannot be written: a ref is no definition of its own
			return nil, fmt.Errorf("lexicon: %s is a bare reference", name)
		}
	}
	for _, u := range c.unions {
		for name, member := range u.members {
			// Among others a union in a union, which may be itself: a check of it would never end.
			if member.kind != kindObject && member.kind != kindToken {
				return nil, fmt.Errorf("lexicon: %s is in a union and no object", name)
			}
		}
	}
	catalog.index()
	return catalog, nil
}

// define compiles one named definition into its schema, and into the catalog if it is a method or a record.
func (c *compiler) define(catalog *Catalog, name string, d *definition) error {
	if d == nil {
		return fmt.Errorf("is null")
	}
	into := c.named[c.base+"#"+name]
	nsid := syntax.NSID(c.base)
	switch d.Type {
	case "query", "procedure", "subscription":
		if c.known != nil { // not to be called, so not looked into
			into.kind = kindToken
			return nil
		}
		m, err := c.method(nsid, d)
		if err != nil {
			return err
		}
		catalog.methods[nsid] = m
		into.kind = kindToken // a method is no data: refuses every value, as a token does
		return nil
	case "record":
		if name != "main" {
			return fmt.Errorf("a record is the main definition of its document")
		}
		key, err := parseKeyRule(d.Key)
		if err != nil {
			return err
		}
		if d.Record == nil || d.Record.Type != "object" {
			return fmt.Errorf("record is not an object")
		}
		if err := c.fill(into, d.Record); err != nil {
			return err
		}
		catalog.records[nsid] = &record{schema: into, key: key}
		return nil
	case "permission-set":
		into.kind = kindToken
		return nil
	}
	return c.fill(into, d)
}

func (c *compiler) schema(d *definition) (*schema, error) {
	if d == nil {
		return nil, fmt.Errorf("schema is missing")
	}
	s := &schema{}
	return s, c.fill(s, d)
}

func (c *compiler) fill(s *schema, d *definition) (err error) {
	switch d.Type {
	case "object", "params":
		s.kind = kindObject
		s.object, err = c.object(d)
	case "array":
		s.kind = kindArray
		var items *schema
		items, err = c.schema(d.Items)
		s.array = &arrayRules{items: items, bounds: bounds{d.MinLength, d.MaxLength}}
	case "string":
		s.kind = kindString
		s.text, err = compileString(d)
	case "integer":
		s.kind = kindInteger
		n := &integerRules{bounds: bounds{d.Minimum, d.Maximum}}
		s.number, err = n, decodeAll(d, &n.enum, &n.constant, &n.preset)
	case "boolean":
		s.kind = kindBoolean
		b := &booleanRules{}
		s.truth, err = b, decodeAll(d, nil, &b.constant, &b.preset)
	case "bytes":
		s.kind, s.size = kindBytes, &bounds{d.MinLength, d.MaxLength}
	case "cid-link":
		s.kind = kindCIDLink
	case "blob":
		s.kind, s.blob = kindBlob, &blobRules{accept: d.Accept, maxSize: d.MaxSize}
	case "unknown":
		s.kind = kindUnknown
	case "token":
		s.kind = kindToken
	case "ref":
		s.kind = kindRef
		s.target, err = c.lookup(d.Ref)
	case "union":
		s.kind = kindUnion
		s.union, err = c.union(d)
	default:
		err = fmt.Errorf("unexpected type %q", d.Type)
	}
	return err
}

func (c *compiler) object(d *definition) (*objectRules, error) {
	o := &objectRules{byName: make(map[string]*property, len(d.Properties))}
	for _, name := range slices.Sorted(maps.Keys(d.Properties)) {
		s, err := c.schema(d.Properties[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		o.properties = append(o.properties, property{name: name, schema: s,
			required: slices.Contains(d.Required, name) && d.Properties[name].Default == nil, nullable: slices.Contains(d.Nullable, name)})
	}
	for i := range o.properties {
		o.byName[o.properties[i].name] = &o.properties[i]
		if o.properties[i].required {
			o.required = append(o.required, &o.properties[i])
		}
	}
	for _, name := range slices.Concat(d.Required, d.Nullable) {
		if o.byName[name] == nil {
			return nil, fmt.Errorf("%q is required or nullable, but not defined", name)
		}
	}
	return o, nil
}

func (c *compiler) union(d *definition) (*unionRules, error) {
	u := &unionRules{members: make(map[string]*schema, 2*len(d.Refs)), closed: d.Closed}
	for _, ref := range d.Refs {
		s, err := c.lookup(ref)
		if err != nil {
			return nil, err
		}
		name := c.fullName(ref)
		short := strings.TrimSuffix(name, "#main")
		u.members[name], u.members[short] = s, s
		u.names = append(u.names, short)
	}
	c.unions = append(c.unions, u)
	return u, nil
}

// fullName makes "nsid#name" of a reference, which may lack either part.
func (c *compiler) fullName(ref string) string {
	if strings.HasPrefix(ref, "#") {
		return c.base + ref
	}
	if !strings.Contains(ref, "#") {
		return ref + "#main"
	}
	return ref
}

func (c *compiler) lookup(ref string) (*schema, error) {
	s := c.find(c.fullName(ref))
	if s == nil {
		return nil, fmt.Errorf("reference to %q leads nowhere", ref)
	}
	return s, nil
}

func (c *compiler) find(name string) *schema {
	if s := c.named[name]; s != nil {
		return s
	}
	return c.known[name]
}

func compileString(d *definition) (*stringRules, error) {
	s := &stringRules{bytes: bounds{d.MinLength, d.MaxLength}, graphemes: bounds{d.MinGraphemes, d.MaxGraphemes}}
	if d.Format != "" {
		f, ok := formats[d.Format]
		if !ok {
			return nil, fmt.Errorf("unknown string format %q", d.Format)
		}
		f.name = d.Format
		s.format = f
	}
	return s, decodeAll(d, &s.enum, &s.constant, &s.preset)
}

// decodeAll decodes enum, const and default into the types of the definition; a nil pointer means "not allowed".
func decodeAll(d *definition, enum, constant, preset any) error {
	for _, part := range []struct {
		text json.RawMessage
		into any
	}{{d.Enum, enum}, {d.Const, constant}, {d.Default, preset}} {
		if part.text == nil {
			continue
		}
		if part.into == nil {
			return fmt.Errorf("%s cannot have an enum", d.Type)
		}
		if err := json.Unmarshal(part.text, part.into); err != nil {
			return err
		}
	}
	return nil
}

func parseKeyRule(key string) (keyRule, error) {
	literal, isLiteral := strings.CutPrefix(key, "literal:")
	switch {
	case isLiteral:
		return keyRule{keyLiteral, syntax.RecordKey(literal)}, nil
	case key == "tid":
		return keyRule{kind: keyTID}, nil
	case key == "nsid":
		return keyRule{kind: keyNSID}, nil
	case key == "any":
		return keyRule{kind: keyAny}, nil
	}
	return keyRule{}, fmt.Errorf("unexpected record key type %q", key)
}
