package lexicon

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/rivo/uniseg"
)

// base64Std is how the data model writes bytes; padding is cut off beforehand.
var base64Std = base64.RawStdEncoding

func (s *stringRules) check(v string, p *path) error {
	switch {
	case s.constant != nil && v != *s.constant:
		return p.fail("must be " + *s.constant)
	case s.enum != nil && !slices.Contains(s.enum, v):
		return p.fail("must be one of (" + strings.Join(s.enum, "|") + ")")
	case s.bytes.above(int64(len(v))):
		return p.fail("must not be longer than " + decimal(*s.bytes.max) + " characters")
	case s.bytes.below(int64(len(v))):
		return p.fail("must not be shorter than " + decimal(*s.bytes.min) + " characters")
	}
	if err := s.checkGraphemes(v, p); err != nil {
		return err
	}
	if f := s.format; f.valid != nil && !f.valid(v) {
		return p.fail(f.problem)
	}
	return nil
}

func (s *stringRules) checkGraphemes(v string, p *path) error {
	if s.graphemes.min == nil && !s.graphemes.above(int64(len(v))) {
		return nil // no more graphemes than bytes, and none at all required
	}
	n := int64(graphemes(v))
	if s.graphemes.above(n) {
		return p.fail("must not be longer than " + decimal(*s.graphemes.max) + " graphemes")
	}
	if s.graphemes.below(n) {
		return p.fail("must not be shorter than " + decimal(*s.graphemes.min) + " graphemes")
	}
	return nil
}

// graphemes counts user-perceived characters. In ASCII only CR LF is a cluster of more than one byte, which spares
// most texts the segmentation (some 40 times slower).
func graphemes(v string) int {
	for i := range len(v) {
		if v[i] >= 0x80 || v[i] == '\r' {
			return uniseg.GraphemeClusterCount(v)
		}
	}
	return len(v)
}
