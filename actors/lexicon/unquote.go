package lexicon

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// escapeLength returns the length of the escape sequence at the beginning of b, 0 if it is none.
func escapeLength(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := unit(b); ok {
			return 6
		}
	}
	return 0
}

// unit reads the UTF-16 unit of a \u escape with its four digits.
func unit(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	for _, c := range b[2:6] { // ParseUint would take an underscore or a sign
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 32)
	return rune(n), err == nil
}

// unquote resolves the escapes of a string's inner text, which span has checked.
func unquote(b []byte) (string, error) {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		if b[i] != '\\' {
			out = append(out, b[i])
			i++
			continue
		}
		n := escapeLength(b[i:])
		if n == 0 {
			return "", errSyntax
		}
		if n == 2 {
			out = append(out, simple[b[i+1]])
			i += 2
			continue
		}
		first, _ := unit(b[i:])
		i += 6
		if utf16.IsSurrogate(first) {
			second, _ := unit(b[i:])
			if first = utf16.DecodeRune(first, second); first != utf8.RuneError {
				i += 6
			}
		}
		out = utf8.AppendRune(out, first)
	}
	return string(out), nil
}

var simple = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}
