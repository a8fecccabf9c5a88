package dag

import (
	"encoding/base64"
	"strconv"
	"unicode/utf8"
)

// AppendJSON appends cbor, one value of canonical DAG-CBOR, to dst as JSON:
// links as {"$link": …}, bytes as {"$bytes": …} in base64 without padding, keys
// in their canonical order. On an error dst comes back as it was.
func AppendJSON(dst, cbor []byte) ([]byte, error) {
	r := newReader(cbor, maxDepth)
	out, err := r.appendJSON(dst)
	if err == nil {
		err = r.end()
	}
	if err != nil {
		return dst, err
	}
	return out, nil
}

// appendJSON recurses as deep as the Reader lets containers open.
func (r *Reader) appendJSON(dst []byte) ([]byte, error) {
	switch r.Kind() {
	case KindInt:
		i, err := r.Int()
		return strconv.AppendInt(dst, i, 10), err
	case KindBytes:
		b, err := r.Bytes()
		dst = append(dst, `{"$bytes":"`...)
		dst = base64.RawStdEncoding.AppendEncode(dst, b)
		return append(dst, `"}`...), err
	case KindText:
		s, err := r.TextBytes()
		return appendQuoted(dst, s), err
	case KindArray:
		n, err := r.Array()
		if err != nil {
			return dst, err
		}
		dst = append(dst, '[')
		for i := range n {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = r.appendJSON(dst); err != nil {
				return dst, err
			}
		}
		return append(dst, ']'), nil
	case KindMap:
		n, err := r.Map()
		if err != nil {
			return dst, err
		}
		dst = append(dst, '{')
		for i := range n {
			if i > 0 {
				dst = append(dst, ',')
			}
			key, err := r.KeyBytes()
			if err != nil {
				return dst, err
			}
			dst = append(appendQuoted(dst, key), ':')
			if dst, err = r.appendJSON(dst); err != nil {
				return dst, err
			}
		}
		return append(dst, '}'), nil
	case KindCID:
		c, err := r.CID()
		if err != nil {
			return dst, err
		}
		dst = append(dst, `{"$link":"`...)
		return append(AppendCIDText(dst, c), `"}`...), nil
	case KindNull:
		r.IsNull()
		return append(dst, "null"...), nil
	default:
		b, err := r.Bool()
		return strconv.AppendBool(dst, b), err
	}
}

// appendQuoted appends a JSON string, escaping what has to be escaped and no
// more: the output of JSON.stringify. encoding/json would escape <, > and &
// too, which is only of use inside HTML.
func appendQuoted(dst, s []byte) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i, c := range s {
		if c >= ' ' && c != '"' && c != '\\' || c >= utf8.RuneSelf {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(dst, s[from:]...), '"')
}
