package lexicon

import "encoding/json"

// document is a lexicon file: https://atproto.com/specs/lexicon.
type document struct {
	Lexicon int                    `json:"lexicon"`
	ID      string                 `json:"id"`
	Defs    map[string]*definition `json:"defs"`
}

// definition is any one definition; which fields count depends on Type.
type definition struct {
	Type string `json:"type"`

	// object, params
	Properties map[string]*definition `json:"properties"`
	Required   []string               `json:"required"`
	Nullable   []string               `json:"nullable"`

	// array, string, bytes, integer, boolean, blob
	Items        *definition     `json:"items"`
	Format       string          `json:"format"`
	MinLength    *int64          `json:"minLength"`
	MaxLength    *int64          `json:"maxLength"`
	MinGraphemes *int64          `json:"minGraphemes"`
	MaxGraphemes *int64          `json:"maxGraphemes"`
	Minimum      *int64          `json:"minimum"`
	Maximum      *int64          `json:"maximum"`
	Enum         json.RawMessage `json:"enum"`
	Const        json.RawMessage `json:"const"`
	Default      json.RawMessage `json:"default"`
	Accept       []string        `json:"accept"`
	MaxSize      *int64          `json:"maxSize"`

	// ref, union
	Ref    string   `json:"ref"`
	Refs   []string `json:"refs"`
	Closed bool     `json:"closed"`

	// record
	Key    string      `json:"key"`
	Record *definition `json:"record"`

	// query, procedure, subscription
	Parameters *definition     `json:"parameters"`
	Input      *bodyDefinition `json:"input"`
	Output     *bodyDefinition `json:"output"`
	Errors     []struct {
		Name string `json:"name"`
	} `json:"errors"`
}

type bodyDefinition struct {
	Encoding string      `json:"encoding"`
	Schema   *definition `json:"schema"`
}
