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
	"at-identifier": {valid: parses(syntax.ParseAtIdentifier), problem: "must be a valid at-identifier"},
	"at-uri":        {valid: parses(syntax.ParseATURI), problem: "must be a valid at-uri"},
	"cid":           {valid: parses(syntax.ParseCID), problem: "must be a cid string"},
	"datetime":      {valid: parses(syntax.ParseDatetime), problem: "must be a valid datetime (RFC 3339 with a time zone)"},
	"did":           {valid: parses(syntax.ParseDID), problem: "must be a valid did"},
	"handle":        {valid: parses(syntax.ParseHandle), problem: "must be a valid handle"},
	"language":      {valid: parses(syntax.ParseLanguage), problem: "must be a valid language tag (BCP 47)"},
	"nsid":          {valid: parses(syntax.ParseNSID), problem: "must be a valid nsid"},
	"record-key":    {valid: parses(syntax.ParseRecordKey), problem: "must be a valid record key"},
	"tid":           {valid: parses(syntax.ParseTID), problem: "must be a valid TID"},
	"uri":           {valid: parses(syntax.ParseURI), problem: "must be a valid uri"},
}

func parses[T any](parse func(string) (T, error)) func(string) bool {
	return func(v string) bool {
		_, err := parse(v)
		return err == nil
	}
}
