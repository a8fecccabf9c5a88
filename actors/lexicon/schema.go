package lexicon

import "github.com/bluesky-social/indigo/atproto/syntax"

// kind is what a schema describes.
type kind uint8

const (
	kindObject kind = iota + 1
	kindArray
	kindString
	kindInteger
	kindBoolean
	kindBytes
	kindCIDLink
	kindBlob
	kindUnion
	kindUnknown
	kindToken
	kindRef
)

// schema is one compiled definition. Only the part that belongs to its kind is set. Immutable after Parse.
type schema struct {
	kind   kind
	object *objectRules
	array  *arrayRules
	text   *stringRules
	number *integerRules
	truth  *booleanRules
	size   *bounds // bytes: length
	blob   *blobRules
	union  *unionRules
	target *schema // ref: what it refers to, never a ref itself
}

// bounds of a length or a value; nil ends are open.
type bounds struct{ min, max *int64 }

func (b *bounds) below(n int64) bool { return b.min != nil && n < *b.min }
func (b *bounds) above(n int64) bool { return b.max != nil && n > *b.max }

type objectRules struct {
	properties []property // sorted by name
	required   []*property
	byName     map[string]*property
}

type property struct {
	name     string
	schema   *schema
	required bool // and without a default: that stands in for what is missing
	nullable bool
}

type arrayRules struct {
	items *schema
	bounds
}

type stringRules struct {
	format    format
	bytes     bounds
	graphemes bounds
	enum      []string
	constant  *string
	preset    *string // default
}

type integerRules struct {
	bounds
	enum     []int64
	constant *int64
	preset   *int64
}

type booleanRules struct {
	constant *bool
	preset   *bool
}

type blobRules struct {
	accept  []string
	maxSize *int64
}

type unionRules struct {
	members map[string]*schema // by $type; the main definition of a document under both of its spellings
	names   []string           // as the lexicon lists them, for messages
	closed  bool
}

// record is a schema that a collection's records are held to.
type record struct {
	schema *schema
	key    keyRule
}

// keyRule is the type of record key a collection takes.
type keyRule struct {
	kind    keyKind
	literal syntax.RecordKey
}

type keyKind uint8

const (
	keyAny keyKind = iota
	keyTID
	keyNSID
	keyLiteral
)

// resolved follows a reference.
func (s *schema) resolved() *schema {
	if s.kind == kindRef {
		return s.target
	}
	return s
}
