package dag

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxSafe is the largest integer of the data model: the largest below which
// every integer is a double, since JavaScript has to hold it.
const maxSafe = 1<<53 - 1

// string reads a string and appends it. p stands at the opening quote.
func (p *parser) string() error {
	start := p.pos + 1
	ascii := true
	for i := start; i < len(p.src); i++ {
		switch c := p.src[i]; {
		case c == '"':
			p.pos = i + 1
			return p.appendText(p.src[start:i], ascii)
		case c == '\\':
			return p.escaped(start, i)
		case c < ' ':
			p.pos = i
			return p.syntax("control character in a string")
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	p.pos = len(p.src)
	return p.syntax("cut short")
}

// escaped reads a string whose first escape stands at i.
func (p *parser) escaped(start, i int) error {
	p.text = append(p.text[:0], p.src[start:i]...)
	for i < len(p.src) {
		switch c := p.src[i]; {
		case c == '"':
			p.pos = i + 1
			return p.appendText(p.text, false)
		case c < ' ':
			p.pos = i
			return p.syntax("control character in a string")
		case c != '\\':
			p.text = append(p.text, c)
			i++
			continue
		}
		r, n := unescape(p.src[i:])
		if n == 0 {
			p.pos = i
			return p.syntax("unknown escape")
		}
		p.text = utf8.AppendRune(p.text, r)
		i += n
	}
	p.pos = len(p.src)
	return p.syntax("cut short")
}

// unescape reads one escape, or two that are a surrogate pair. Half a pair is
// U+FFFD. n is the number of bytes read, 0 if it is no escape.
func unescape(s []byte) (r rune, n int) {
	if len(s) < 2 {
		return 0, 0
	}
	switch s[1] {
	case '"', '\\', '/':
		return rune(s[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	}
	r, ok := hex4(s)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if low, ok := hex4(s[6:]); ok {
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
}

// hex4 reads a \u escape with its four digits.
func hex4(s []byte) (r rune, ok bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	for _, c := range s[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// appendText appends s as a text string.
func (p *parser) appendText(s []byte, ascii bool) error {
	// Twice the limit, not the limit: this may be the base64 of bytes that fit.
	if len(s) > 2*p.limits.Bytes {
		return p.fail(ErrTooLarge)
	}
	if !ascii && !utf8.Valid(s) {
		return p.fail(ErrText)
	}
	p.out = append(AppendHead(p.out, MajorText, uint64(len(s))), s...)
	return nil
}

// number reads a number and appends it as an integer.
func (p *parser) number() error {
	start := p.pos
	i, ok := start, true
	if i < len(p.src) && p.src[i] == '-' {
		i++
	}
	first := i
	if i, ok = p.digits(i); !ok || i-first > 1 && p.src[first] == '0' {
		return p.syntax("no value")
	}
	whole := i
	if i < len(p.src) && p.src[i] == '.' {
		if i, ok = p.digits(i + 1); !ok {
			return p.syntax("malformed number")
		}
	}
	if i < len(p.src) && p.src[i]|0x20 == 'e' {
		i++
		if i < len(p.src) && (p.src[i] == '+' || p.src[i] == '-') {
			i++
		}
		if i, ok = p.digits(i); !ok {
			return p.syntax("malformed number")
		}
	}
	n, ok := integer(p.src[start:i], whole < i)
	if !ok {
		return p.fail(ErrFloat)
	}
	p.pos = i
	p.out = AppendInt(p.out, n)
	return nil
}

// digits steps over one digit or more.
func (p *parser) digits(i int) (end int, ok bool) {
	end = i
	for end < len(p.src) && '0' <= p.src[end] && p.src[end] <= '9' {
		end++
	}
	return end, end > i
}

// integer is the value of the number s, if that is a safe integer. One with a
// fraction or an exponent is rounded to a double first and judged then, as
// JavaScript judges it: 1.0 and 1e2 are integers, and so is 1e-400, which is 0.
func integer(s []byte, fraction bool) (int64, bool) {
	if fraction {
		f, err := strconv.ParseFloat(string(s), 64)
		if err != nil || f < -maxSafe || f > maxSafe || f != float64(int64(f)) {
			return 0, false
		}
		return int64(f), true
	}
	neg := s[0] == '-'
	if neg {
		s = s[1:]
	}
	if len(s) > 16 {
		return 0, false
	}
	var n int64
	for _, c := range s {
		n = n*10 + int64(c-'0')
	}
	if n > maxSafe {
		return 0, false
	}
	if neg {
		n = -n
	}
	return n, true
}
