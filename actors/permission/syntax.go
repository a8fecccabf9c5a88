package permission

import (
	"net/url"
	"slices"
	"strings"
)

// written is a scope value taken apart: resource[:positional][?key=value&…].
type written struct {
	resource   string
	positional string
	bare       bool // there is no positional
	keys       []string
	values     map[string][]string
}

// read takes a value apart; false if its percent-encoding is broken.
func read(value string) (w written, ok bool) {
	head, query, _ := strings.Cut(value, "?")
	resource, positional, found := strings.Cut(head, ":")
	w = written{resource: resource, bare: !found}
	var err error
	if w.positional, err = url.PathUnescape(positional); err != nil {
		return w, false
	}
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		key, v, _ := strings.Cut(pair, "=")
		if key, err = url.PathUnescape(key); err != nil {
			return w, false
		}
		if v, err = url.PathUnescape(v); err != nil {
			return w, false
		}
		w.add(key, v)
	}
	return w, true
}

func (w *written) add(key, value string) {
	if w.values == nil {
		w.values = make(map[string][]string)
	}
	if !slices.Contains(w.keys, key) {
		w.keys = append(w.keys, key)
	}
	w.values[key] = append(w.values[key], value)
}

// only reports whether there is no other parameter than the named ones. The
// first may be the positional one, and then not a parameter as well.
func (w written) only(keys ...string) bool {
	for _, k := range w.keys {
		if !slices.Contains(keys, k) {
			return false
		}
	}
	return w.bare || w.values[keys[0]] == nil
}

// all returns the values of the positional parameter, which is named key when
// there are several.
func (w written) all(key string) []string {
	if !w.bare {
		return []string{w.positional}
	}
	return w.values[key]
}

// one is the value of a parameter that is given at most once.
func (w written) one(key string) (value string, given, ok bool) {
	switch v := w.values[key]; len(v) {
	case 0:
		return "", false, true
	case 1:
		return v[0], true, true
	}
	return "", true, false
}

// write is the other direction. One value of the first parameter becomes the
// positional one.
func write(resource string, params ...param) string {
	var b strings.Builder
	b.WriteString(resource)
	if len(params) > 0 && len(params[0].values) == 1 {
		b.WriteByte(':')
		b.WriteString(escape(params[0].values[0]))
		params = params[1:]
	}
	sep := byte('?')
	for _, p := range params {
		for _, v := range p.values {
			b.WriteByte(sep)
			b.WriteString(p.key)
			b.WriteByte('=')
			b.WriteString(escape(v))
			sep = '&'
		}
	}
	return b.String()
}

type param struct {
	key    string
	values []string
}

// plain are the characters that stay as they are.
const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'():/+,@"

func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; strings.IndexByte(plain, c) >= 0 {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte("0123456789ABCDEF"[c>>4])
			b.WriteByte("0123456789ABCDEF"[c&15])
		}
	}
	return b.String()
}

// distinct sorts values and drops doubles.
func distinct(values []string) []string {
	values = slices.Clone(values)
	slices.Sort(values)
	return slices.Compact(values)
}
