package lexicon

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// plains pairs every quick check with the library's, whose fixtures have the
// name in file.
var plains = []struct {
	file  string
	plain func(string) bool
	parse func(string) bool
	most  bool // the library accepts nothing else
}{
	{"atidentifier", plainAtIdentifier, either(nil, syntax.ParseAtIdentifier), true},
	{"aturi", plainATURI, either(nil, syntax.ParseATURI), false},
	{"cid", plainCID, either(nil, syntax.ParseCID), true},
	{"datetime", plainDatetime, either(nil, syntax.ParseDatetime), false},
	{"did", plainDID, either(nil, syntax.ParseDID), true},
	{"handle", plainHandle, either(nil, syntax.ParseHandle), true},
	{"language", plainLanguage, either(nil, syntax.ParseLanguage), false},
	{"nsid", plainNSID, either(nil, syntax.ParseNSID), true},
	{"recordkey", plainRecordKey, either(nil, syntax.ParseRecordKey), true},
	{"tid", plainTID, either(nil, syntax.ParseTID), true},
}

// agree holds every quick check to the library's verdict about one text.
func agree(t *testing.T, text string) {
	t.Helper()
	for _, p := range plains {
		switch quick, slow := p.plain(text), p.parse(text); {
		case quick && !slow:
			t.Errorf("%s: %q is accepted, and not by syntax", p.file, text)
		case slow && !quick && p.most:
			t.Errorf("%s: %q is accepted by syntax alone", p.file, text)
		}
	}
}

// edges are texts at the limits of length and alphabet.
func edges() []string {
	label := strings.Repeat("a", 63)
	long := label + "." + label + "." + label + "."
	return []string{
		"", ".", "..", "...", ":", "-", "a", "did:", "did:a:", "did::b", "did:a:b", "did:a:b:", "did:a:b%", "did:a:%b", "did:A:b", "did:a1:b", "did:a:b\n", "did:a:é",
		"did:plc:ewvi7nxzyoun6zhxrhs64oiz", "did:plc:ewvi7nxzyoun6zhxrhs64oi:", "did:plc:ewvi7nxzyoun6zhxrhs64oi%", "did:web:localhost%3A80",
		"did:a:" + strings.Repeat("b", 2042), "did:a:" + strings.Repeat("b", 2043),
		"a.b", "a.1", "a.1b", "1.b", ".b", "a.", "a..b", "a-.b", "-a.b", "a.b-", "a.-b", "a.b.c", "a.b.c-d", "a.b.1c", "1a.b.c", "a.1.c", "a.b.c.", "a.b.C1", "a_.b.c",
		label + ".b", label + "a.b", "a." + label, "a." + label + "a", "a.b." + label, "a.b." + label + "a",
		long + strings.Repeat("a", 61), long + strings.Repeat("a", 62), long + label + "." + strings.Repeat("a", 61), long + label + "." + strings.Repeat("a", 62),
		strings.Repeat("k", 512), strings.Repeat("k", 513), "a/b", "~_.:-", "k é", "self", "3jzfcijpj2z2a", "kjzfcijpj2z2a", "jzzzzzzzzzzzz", "3jzfcijpj2z28", "3jzfcijpj2z2A", "2222222222222", "1222222222222",
		"bafyrei", "bafyreia", "Qmbabcdefgh", "QmBabcdefgh", "bafy+===", strings.Repeat("b", 256), strings.Repeat("b", 257),
		"at://a.b", "at://a.b/", "at://a.b/a.b.c", "at://a.b/a.b.c/", "at://a.b/a.b.c/d", "at://a.b/a.b.c/d/", "at://a.b/a.b.c/..", "at://did:a:b/a.b.c/d", "at://did:a:b#/a.b.c/d", "at:///a.b.c/d", "AT://a.b",
		"at://did:a:" + strings.Repeat("b", 2042) + "/a.b.c/" + strings.Repeat("k", 512),
		"en", "e", "i", "eng", "engl", "EN", "en-", "en-US", "en-a-b", "i-default", "en-é", "en_US",
		"2026-11-22T10:00:00Z", "2026-11-22T10:00:00.Z", "2026-11-22T10:00:00.1Z", "2026-11-22T10:00:00.123456789Z", "2026-11-22T10:00:00.1234567890Z", "2026-11-22T10:00:00,1Z",
		"0000-01-01T00:00:00Z", "9999-12-28T23:59:59.9Z", "2026-00-22T10:00:00Z", "2026-13-22T10:00:00Z", "2026-11-00T10:00:00Z", "2026-02-29T10:00:00Z", "2024-02-29T10:00:00Z", "2026-02-30T10:00:00Z",
		"2026-11-22T24:00:00Z", "2026-11-22T10:60:00Z", "2026-11-22T23:59:60Z", "2026-11-22t10:00:00Z", "2026-11-22T10:00:00z", "2026-11-22T10:00:00+00:00", "2026-11-22T10:00:00-00:00", "2026-11-22T10:00:00", "2026-11-22 10:00:00Z",
	}
}

func TestPlainAgrees(t *testing.T) {
	var texts []string
	for _, p := range plains {
		for _, verdict := range []string{"valid", "invalid"} {
			for line := range strings.Lines(string(indigoFile(t, "atproto", "syntax", "testdata", p.file+"_syntax_"+verdict+".txt"))) {
				texts = append(texts, strings.TrimSuffix(line, "\n"))
			}
		}
	}
	texts = append(texts, edges()...)
	for _, text := range texts {
		agree(t, text)
	}
	// What is nearly right: one byte changed, inserted or taken out.
	r := rand.New(rand.NewPCG(1, 2))
	const alphabet = "aZz09.-_:%~+=/#Tj 7\n\x00\x80\xff"
	for range 20_000 {
		text := []byte(texts[r.IntN(len(texts))])
		c := alphabet[r.IntN(len(alphabet))]
		switch at := r.IntN(len(text) + 1); {
		case r.IntN(3) == 0:
			text = append(text[:at:at], append([]byte{c}, text[at:]...)...)
		case at == len(text):
		case r.IntN(2) == 0:
			text[at] = c
		default:
			text = append(text[:at], text[at+1:]...)
		}
		agree(t, string(text))
	}
}

// What clients send day in, day out is decided without the library.
func TestPlainIsEnough(t *testing.T) {
	for text, plain := range map[string]func(string) bool{
		"did:plc:ewvi7nxzyoun6zhxrhs64oiz": plainAtIdentifier,
		"alice.bsky.social":                plainAtIdentifier,
		"en":                               plainLanguage,
		"pt-BR":                            plainLanguage,
		"2026-11-22T10:00:00Z":             plainDatetime,
		"2026-11-22T10:00:00.000Z":         plainDatetime,
		"at://did:plc:ewvi7nxzyoun6zhxrhs64oiz/app.bsky.feed.post/3jzfcijpj2z2a": plainATURI,
	} {
		if !plain(text) {
			t.Errorf("%q is left to the library", text)
		}
	}
}

func FuzzPlain(f *testing.F) {
	for _, text := range edges() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { agree(t, text) })
}
