package lexicon

import (
	"math"
	"strconv"
	"unicode/utf8"
)

// number parses a number: int64 when it is written as an integer and fits, float64 otherwise.
func (r *reader) number() (any, error) {
	start := r.at
	r.take('-')
	if !r.take('0') && !r.digits() {
		return nil, errSyntax
	}
	whole := true
	if r.take('.') {
		whole = false
		if !r.digits() {
			return nil, errSyntax
		}
	}
	if r.take('e') || r.take('E') {
		whole = false
		if !r.take('+') {
			r.take('-')
		}
		if !r.digits() {
			return nil, errSyntax
		}
	}
	token := string(r.text[start:r.at])
	if whole {
		if n, err := strconv.ParseInt(token, 10, 64); err == nil {
			return n, nil
		}
	}
	f, err := strconv.ParseFloat(token, 64)
	if err != nil { // out of range: a number all the same, and no integer
		f = math.Inf(1)
	}
	return f, nil
}

func (r *reader) digits() bool {
	start := r.at
	for r.at < len(r.text) && r.text[r.at] >= '0' && r.text[r.at] <= '9' {
		r.at++
	}
	return r.at > start
}

// string parses a string. Lone surrogates become U+FFFD, as encoding/json makes them.
func (r *reader) string() (string, error) {
	span, err := r.span()
	if err != nil {
		return "", err
	}
	inner := span[1 : len(span)-1]
	for _, c := range inner {
		if c == '\\' {
			return unquote(inner)
		}
	}
	return string(inner), nil
}

// span consumes a string and returns it with its quotes. It refuses control characters and invalid UTF-8; escapes are
// checked as well.
func (r *reader) span() ([]byte, error) {
	start := r.at
	ascii := true
	for r.at++; r.at < len(r.text); r.at++ {
		if plain[r.text[r.at]] {
			continue
		}
		switch c := r.text[r.at]; {
		case c == '"':
			r.at++
			span := r.text[start:r.at]
			if !ascii && !utf8.Valid(span) {
				return nil, errSyntax
			}
			return span, nil
		case c < 0x20:
			return nil, errSyntax
		case c >= utf8.RuneSelf:
			ascii = false
		case c == '\\':
			n := escapeLength(r.text[r.at:])
			if n == 0 {
				return nil, errSyntax
			}
			r.at += n - 1
		}
	}
	return nil, errSyntax
}

// plain marks the bytes that mean nothing but themselves inside of a string: nearly all of a body.
var plain = func() (t [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

func (r *reader) peek() byte {
	if r.at < len(r.text) {
		return r.text[r.at]
	}
	return 0
}

func (r *reader) take(c byte) bool {
	if r.peek() != c || r.at == len(r.text) {
		return false
	}
	r.at++
	return true
}

func (r *reader) literal(word string) error {
	if len(r.text)-r.at < len(word) || string(r.text[r.at:r.at+len(word)]) != word {
		return errSyntax
	}
	r.at += len(word)
	return nil
}

func (r *reader) space() {
	for r.at < len(r.text) {
		switch r.text[r.at] {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return
		}
	}
}
