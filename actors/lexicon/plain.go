package lexicon

import "strings"

// The identifiers that nearly every request carries, read byte by byte: what
// syntax does with a regular expression for each costs more than the rest of
// checking a request. A yes here is a yes of syntax (plain_test.go holds both
// to that, for any text); a no only means that syntax is asked.

// Classes of bytes.
const (
	lower  = 1 << iota // a-z
	upper              // A-Z
	digit              // 0-9
	keyish             // _ ~ . : - of a record key
	didish             // . _ : % - of a DID
	padded             // + = of a CID

	letter   = lower | upper
	alphanum = letter | digit
)

var classes = func() (t [256]uint8) {
	set := func(class uint8, bytes string) {
		for i := range len(bytes) {
			t[bytes[i]] |= class
		}
	}
	set(lower, "abcdefghijklmnopqrstuvwxyz")
	set(upper, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	set(digit, "0123456789")
	set(keyish, "_~.:-")
	set(didish, "._:%-")
	set(padded, "+=")
	return t
}()

// all reports whether s is made of the classes.
func all(s string, class uint8) bool {
	for i := range len(s) {
		if classes[s[i]]&class == 0 {
			return false
		}
	}
	return true
}

func plainDID(s string) bool {
	rest, ok := strings.CutPrefix(s, "did:")
	if !ok || len(s) > 2048 {
		return false
	}
	method, id, _ := strings.Cut(rest, ":")
	return method != "" && all(method, lower) && id != "" && all(id, alphanum|didish) && id[len(id)-1] != ':' && id[len(id)-1] != '%'
}

// plainLabel is a part of a domain name.
func plainLabel(s string) bool {
	if len(s) == 0 || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if classes[s[i]]&alphanum == 0 && s[i] != '-' {
			return false
		}
	}
	return true
}

func plainHandle(s string) bool {
	if len(s) > 253 {
		return false
	}
	last := strings.LastIndexByte(s, '.') + 1
	if last < 2 || last == len(s) || classes[s[last]]&letter == 0 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if !plainLabel(label) {
			return false
		}
	}
	return true
}

func plainAtIdentifier(s string) bool {
	if strings.HasPrefix(s, "did:") {
		return plainDID(s)
	}
	return plainHandle(s)
}

func plainNSID(s string) bool {
	if len(s) < 5 || len(s) > 317 || classes[s[0]]&letter == 0 {
		return false
	}
	last := strings.LastIndexByte(s, '.') + 1
	name := s[last:]
	if last == 0 || name == "" || len(name) > 63 || classes[name[0]]&letter == 0 || !all(name, alphanum) {
		return false
	}
	labels := 0
	for label := range strings.SplitSeq(s[:last-1], ".") {
		if !plainLabel(label) {
			return false
		}
		labels++
	}
	return labels >= 2
}

func plainRecordKey(s string) bool {
	return len(s) > 0 && len(s) <= 512 && s != "." && s != ".." && all(s, alphanum|keyish)
}

func plainCID(s string) bool {
	return len(s) >= 8 && len(s) <= 256 && all(s, alphanum|padded) && !strings.HasPrefix(s, "Qmb")
}

func plainTID(s string) bool {
	if len(s) != 13 || s[0] > 'j' {
		return false
	}
	for i := range len(s) {
		if classes[s[i]]&lower == 0 && (s[i] < '2' || s[i] > '7') {
			return false
		}
	}
	return true
}

// plainATURI is one with all three parts, or with the first alone.
func plainATURI(s string) bool {
	rest, ok := strings.CutPrefix(s, "at://")
	if !ok || len(s) > 8192 {
		return false
	}
	authority, path, deep := strings.Cut(rest, "/")
	if !plainAtIdentifier(authority) {
		return false
	}
	if !deep {
		return true
	}
	collection, key, ok := strings.Cut(path, "/")
	return ok && plainNSID(collection) && plainRecordKey(key)
}

// plainLanguage is a language alone, or with one part more: "en", "pt-BR".
func plainLanguage(s string) bool {
	name, part, more := strings.Cut(s, "-")
	return (len(name) == 2 || len(name) == 3) && all(name, lower) &&
		(!more || part != "" && len(part) <= 8 && all(part, alphanum))
}

// plainDatetime is a moment as most clients write it: "2026-11-22T10:00:00.000Z".
// The last days of a month are left to those who know calendars.
func plainDatetime(s string) bool {
	const shape = "0000-00-00T00:00:00"
	if len(s) <= len(shape) || s[len(s)-1] != 'Z' {
		return false
	}
	for i := range len(shape) {
		if shape[i] == '0' && classes[s[i]]&digit == 0 || shape[i] != '0' && s[i] != shape[i] {
			return false
		}
	}
	if fraction := s[len(shape) : len(s)-1]; fraction != "" &&
		(fraction[0] != '.' || len(fraction) < 2 || len(fraction) > 10 || !all(fraction[1:], digit)) {
		return false
	}
	month, day := s[5:7], s[8:10]
	return month >= "01" && month <= "12" && day >= "01" && day <= "28" &&
		s[11:13] <= "23" && s[14:16] <= "59" && s[17:19] <= "59"
}
