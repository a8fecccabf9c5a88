package lexicon

import "github.com/bluesky-social/indigo/atproto/syntax"

// format is a string format of the Lexicon language.
type format struct {
	valid   func(string) bool
	problem string
}

// formats by the name they have in lexicons: https://atproto.com/specs/lexicon#string-formats.
var formats = map[string]format{
	"at-identifier": {parses(syntax.ParseAtIdentifier), "must be a valid at-identifier"},
	"at-uri":        {parses(syntax.ParseATURI), "must be a valid at-uri"},
	"cid":           {parses(syntax.ParseCID), "must be a cid string"},
	"datetime":      {parses(syntax.ParseDatetime), "must be a valid atproto datetime (both RFC-3339 and ISO-8601)"},
	"did":           {parses(syntax.ParseDID), "must be a valid did"},
	"handle":        {parses(syntax.ParseHandle), "must be a valid handle"},
	"language":      {parses(syntax.ParseLanguage), "must be a well-formed BCP 47 language tag"},
	"nsid":          {parses(syntax.ParseNSID), "must be a valid nsid"},
	"record-key":    {parses(syntax.ParseRecordKey), "must be a valid record key"},
	"tid":           {parses(syntax.ParseTID), "must be a valid TID"},
	"uri":           {parses(syntax.ParseURI), "must be a valid uri"},
}

func parses[T any](parse func(string) (T, error)) func(string) bool {
	return func(v string) bool {
		_, err := parse(v)
		return err == nil
	}
}
