package interop

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/keys"
	"troupe/storage/mst"
)

// parser reads a line and gives back how the value writes itself.
type parser func(line string) (string, error)

func of[T fmt.Stringer](parse func(string) (T, error)) parser {
	return func(line string) (string, error) {
		v, err := parse(line)
		if err != nil {
			return "", err
		}
		return v.String(), nil
	}
}

func TestSyntax(t *testing.T) {
	datetime := func(line string) (string, error) {
		if _, err := syntax.ParseDatetimeTime(line); err != nil {
			return "", err
		}
		return of(syntax.ParseDatetime)(line)
	}
	parsers := map[string]parser{
		"atidentifier": of(syntax.ParseAtIdentifier),
		"aturi":        of(syntax.ParseATURI),
		"cid":          of(syntax.ParseCID),
		"datetime":     datetime,
		"did":          of(syntax.ParseDID),
		"handle":       of(syntax.ParseHandle),
		"language":     of(syntax.ParseLanguage),
		"nsid":         of(syntax.ParseNSID),
		"recordkey":    of(syntax.ParseRecordKey),
		"tid":          of(syntax.ParseTID),
		"uri":          of(syntax.ParseURI),
	}
	checks := map[string]check{
		// Well-formed, but no point in time.
		"datetime_parse_invalid.txt": invalid(datetime),
	}
	for name, p := range parsers {
		checks[name+"_syntax_valid.txt"] = valid(p)
		// The syntax alone must refuse these, without a look at the calendar.
		if name == "datetime" {
			p = of(syntax.ParseDatetime)
		}
		checks[name+"_syntax_invalid.txt"] = invalid(p)
	}
	checks["did_syntax_valid.txt"] = both(checks["did_syntax_valid.txt"], folders)
	checks["recordkey_syntax_valid.txt"] = both(checks["recordkey_syntax_valid.txt"], treeKeys)
	runAll(t, "syntax", checks)
}

func valid(p parser) check {
	return func(t *testing.T, content []byte) int {
		return lines(content, func(line string) {
			if got, err := p(line); err != nil || got != line {
				t.Errorf("%q: %q, %v", line, got, err)
			}
		})
	}
}

func invalid(p parser) check {
	return func(t *testing.T, content []byte) int {
		return lines(content, func(line string) {
			if got, err := p(line); err == nil {
				t.Errorf("%q was taken as %q", line, got)
			}
		})
	}
}

func both(a, b check) check {
	return func(t *testing.T, content []byte) int {
		if n, m := a(t, content), b(t, content); n != m {
			t.Errorf("%d and %d lines", n, m)
			return 0
		} else {
			return n
		}
	}
}

// folders: every DID has a folder of its own, inside the root.
func folders(t *testing.T, content []byte) int {
	const root = "/data/actors"
	taken := map[string]string{}
	return lines(content, func(line string) {
		dir := keys.ActorDir(root, syntax.DID(line))
		rel, err := filepath.Rel(root, dir)
		if err != nil || filepath.Clean(dir) != dir || strings.HasPrefix(rel, "..") || strings.Count(rel, "/") != strings.Count(keys.ActorDir("", "did:plc:x"), "/") {
			t.Errorf("%q: %s", line, dir)
		}
		if other, ok := taken[strings.ToLower(dir)]; ok {
			t.Errorf("%q and %q share %s", line, other, dir)
		}
		taken[strings.ToLower(dir)] = line
	})
}

// treeKeys: every record key can stand in a tree.
func treeKeys(t *testing.T, content []byte) int {
	return lines(content, func(line string) {
		if err := mst.ValidKey("com.example.record/" + line); err != nil {
			t.Errorf("%q: %v", line, err)
		}
	})
}
