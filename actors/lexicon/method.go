package lexicon

import (
	"net/url"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// Kind tells how a method is called.
type Kind uint8

// The kinds of method.
const (
	Query        Kind = iota + 1 // GET
	Procedure                    // POST
	Subscription                 // WebSocket
)

// Method is the schema of one XRPC method.
type Method struct {
	NSID     syntax.NSID
	Kind     Kind
	HasInput bool     // a procedure that takes a body
	Input    string   // media type of the body it takes, maybe with wildcards ("*/*"); "" = none
	Output   string   // media type of what it answers; "" = an empty body
	Errors   []string // error names the lexicon lists
}

// Params are checked query parameters: string, int64, bool, []string, []int64 or []bool by name.
// A parameter that was not sent and has no default is absent.
type Params map[string]any

// ParseParams checks the query parameters and converts them to the types of the schema; defaults are filled in.
// Errors are of type ErrInvalid.
func (m *Method) ParseParams(q url.Values) (Params, error) { return nil, nil }

// CheckInput checks a decoded JSON body (encoding/json's shapes, or dag.Decode's) against the schema.
// Errors are of type ErrInvalid.
func (m *Method) CheckInput(v any) error { return nil }

// CheckJSON checks a JSON body against the schema without keeping what it holds. Errors are of type ErrInvalid.
func (m *Method) CheckJSON(body []byte) error { return nil }
