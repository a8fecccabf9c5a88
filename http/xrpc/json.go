package xrpc

import (
	"bytes"
	"encoding/json"
)

// Appender is an O that writes itself: for what is JSON already, or becomes it without encoding/json. The text must be
// what encoding/json would make of the same value, HTML characters not escaped.
type Appender interface {
	AppendJSON(dst []byte) ([]byte, error)
}

// appendJSON appends a value as it is sent to clients.
func appendJSON(dst []byte, v any) ([]byte, error) {
	if a, ok := v.(Appender); ok {
		return a.AppendJSON(dst)
	}
	s := scratch{dst}
	enc := json.NewEncoder(&s)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(s.text, []byte("\n")), err
}

// AppendString appends a JSON string, for Appenders.
func AppendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			dst, _ = appendJSON(dst, s) // a string can always be encoded
			return dst
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}
