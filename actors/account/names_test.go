package account

import (
	"errors"
	"strings"
	"testing"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

func TestHandles(t *testing.T) {
	rules := HandleRules{Domains: []string{".pds.test", ".Example.com", ".deep.pds.test"}}
	for _, c := range []struct {
		raw, want string
		external  bool
		err       error
	}{
		{"alice.pds.test", "alice.pds.test", false, nil},
		{" Alice.PDS.test ", "alice.pds.test", false, nil},
		{"bob.example.com", "bob.example.com", false, nil},
		{"abc.pds.test", "abc.pds.test", false, nil},
		{"ab.pds.test", "", false, ErrHandleShort},
		{strings.Repeat("a", 18) + ".pds.test", strings.Repeat("a", 18) + ".pds.test", false, nil},
		{strings.Repeat("a", 19) + ".pds.test", "", false, ErrHandleLong},
		{"a.lice.pds.test", "", false, ErrHandleDots},
		{"alice.deep.pds.test", "alice.deep.pds.test", false, nil},
		{"pds.test", "pds.test", true, nil}, // the service domain itself is nobody's label
		{"admin.pds.test", "", false, ErrHandleNotAvailable},
		{"Xrpc.pds.test", "", false, ErrHandleNotAvailable},
		{"adminx.pds.test", "adminx.pds.test", false, nil},
		{"taylorswift.pds.test", "", false, ErrHandleNotAvailable},
		{"xn--80ak6aa92e.pds.test", "", false, ErrHandleNotAvailable}, // shown as another script
		{"ab--cd.pds.test", "", false, ErrHandleNotAvailable},
		{"abc--d.pds.test", "abc--d.pds.test", false, nil},
		{"deep.pds.test", "deep.pds.test", true, nil}, // the bare name of another service domain
		{"admin.elsewhere.org", "admin.elsewhere.org", true, nil},
		{"a.elsewhere.org", "a.elsewhere.org", true, nil},
		{"notpds.test", "notpds.test", true, nil},
		{"alice.local", "", false, ErrHandleTLD},
		{"alice.onion", "", false, ErrHandleTLD},
		{"handle.invalid", "", false, ErrInvalidHandle},
		{"alice", "", false, ErrInvalidHandle},
		{"", "", false, ErrInvalidHandle},
		{"al_ice.pds.test", "", false, ErrInvalidHandle},
		{"-alice.pds.test", "", false, ErrInvalidHandle},
		{"alice.pds.test.", "", false, ErrInvalidHandle},
		{"alíce.pds.test", "", false, ErrInvalidHandle},
		{"alice\u200b.pds.test", "", false, ErrInvalidHandle},
		{"alice.pds.test\r\nx", "", false, ErrInvalidHandle},
		{strings.Repeat("a.", 130) + "org", "", false, ErrInvalidHandle},
		{"did:plc:aaaaaaaaaaaaaaaaaaaaaaaa", "", false, ErrInvalidHandle},
	} {
		h, external, err := rules.Check(c.raw, false)
		if h.String() != c.want || external != c.external || !errors.Is(err, c.err) {
			t.Errorf("%q: %q %v %v", c.raw, h, external, err)
		}
	}
	if h, _, err := rules.Check("admin.pds.test", true); err != nil || h != "admin.pds.test" {
		t.Errorf("by an operator: %q %v", h, err)
	}
	for h, ours := range map[syntax.Handle]bool{"x.EXAMPLE.com": true, "Example.com": true, "x.org": false, "notpds.test": false, "a.b.pds.test": true} {
		if rules.Ours(h) != ours {
			t.Errorf("%s: %v", h, !ours)
		}
	}
	if did := rules.HostedDID("Bob.example.com"); did != "did:web:bob.example.com" {
		t.Errorf("hosted DID %q", did)
	}
	if did := rules.HostedDID("example.com") + rules.HostedDID("bob.org"); did != "" {
		t.Errorf("hosted DID %q", did)
	}
}

// The bare name of a domain is the operator's to give, where they want that.
func TestApexHandles(t *testing.T) {
	rules := HandleRules{Domains: []string{".pds.test"}, Apex: true}
	if _, _, err := rules.Check("PDS.test", false); !errors.Is(err, ErrHandleNotAvailable) {
		t.Errorf("asked for: %v", err)
	}
	if h, external, err := rules.Check("PDS.test", true); h != "pds.test" || external || err != nil {
		t.Errorf("given: %q %v %v", h, external, err)
	}
	rules.Apex = false
	if _, external, err := rules.Check("pds.test", true); !external || err != nil {
		t.Errorf("not allowed: %v %v", external, err)
	}
}

// Every word of the lists could be a label, and the lists are about as long as
// they are said to be.
func TestReservedLabels(t *testing.T) {
	if n := len(reserved()); n < 1000 {
		t.Errorf("%d words", n)
	}
	for word := range reserved() {
		if _, err := syntax.ParseHandle(word + ".test"); err != nil {
			t.Errorf("%q is no label", word)
		}
	}
	for _, word := range []string{"plc", "xrpc", "admin", "postmaster", "wpad", "autodiscover", "mta-sts", "support", "nasa"} {
		if !reservedLabel(word) {
			t.Errorf("%q is not reserved", word)
		}
	}
}

func TestEmails(t *testing.T) {
	for raw, want := range map[string]Email{
		"a@b.org":                              "a@b.org",
		"First.Last+tag@Mail.Example.COM":      "first.last+tag@mail.example.com",
		"o'hara_{x}@b.org":                     "o'hara_{x}@b.org",
		strings.Repeat("a", 64) + "@b.org":     Email(strings.Repeat("a", 64) + "@b.org"),
		strings.Repeat("a", 65) + "@b.org":     "",
		"a@" + strings.Repeat("b.", 130) + "x": "",
		"":                                     "",
		"a":                                    "",
		"@b.org":                               "",
		"a@":                                   "",
		"a@b":                                  "",
		"a@b@c.org":                            "",
		".a@b.org":                             "",
		"a.@b.org":                             "",
		"a..b@b.org":                           "",
		"a b@b.org":                            "",
		" a@b.org":                             "",
		"a@b.org\r\nBcc: c@d.org":              "",
		"a\x00@b.org":                          "",
		"\"a\"@b.org":                          "",
		"a(x)@b.org":                           "",
		"a@[127.0.0.1]":                        "",
		"a@127.0.0.1":                          "",
		"a@-b.org":                             "",
		"ä@b.org":                              "",
		"a@bücher.org":                         "",
	} {
		got, err := ParseEmail(raw)
		if got != want || (want == "") != errors.Is(err, ErrInvalidEmail) {
			t.Errorf("%q: %q %v", raw, got, err)
		}
	}
}
