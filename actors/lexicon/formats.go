package lexicon

import "github.com/bluesky-social/indigo/atproto/syntax"

// format is a string format of the Lexicon language.
type format struct {
	name    string // set when a lexicon uses it
	valid   func(string) bool
	problem string
}

// formats by the name they have in lexicons: https://atproto.com/specs/lexicon#string-formats.
var formats = map[string]format{
	"at-identifier": {valid: either(plainAtIdentifier, syntax.ParseAtIdentifier), problem: "must be a valid at-identifier"},
	"at-uri":        {valid: either(plainATURI, syntax.ParseATURI), problem: "must be a valid at-uri"},
	"cid":           {valid: either(plainCID, syntax.ParseCID), problem: "must be a cid string"},
	"datetime":      {valid: either(plainDatetime, syntax.ParseDatetime), problem: "must be a valid datetime (RFC 3339 with a time zone)"},
	"did":           {valid: either(plainDID, syntax.ParseDID), problem: "must be a valid did"},
	"handle":        {valid: either(plainHandle, syntax.ParseHandle), problem: "must be a valid handle"},
	"language":      {valid: either(plainLanguage, syntax.ParseLanguage), problem: "must be a valid language tag (BCP 47)"},
	"nsid":          {valid: either(plainNSID, syntax.ParseNSID), problem: "must be a valid nsid"},
	"record-key":    {valid: either(plainRecordKey, syntax.ParseRecordKey), problem: "must be a valid record key"},
	"tid":           {valid: either(plainTID, syntax.ParseTID), problem: "must be a valid TID"},
	"uri":           {valid: either(nil, syntax.ParseURI), problem: "must be a valid uri"},
}

// either accepts what plain does, or else what parse does.
func either[T any](plain func(string) bool, parse func(string) (T, error)) func(string) bool {
	return func(v string) bool {
		if plain != nil && plain(v) {
			return true
		}
		_, err := parse(v)
		return err == nil
	}
}
