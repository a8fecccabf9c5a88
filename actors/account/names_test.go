package account

import (
	"errors"
	"strings"
	"testing"
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
		{"admins.pds.test", "admins.pds.test", false, nil},
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
	if !rules.Service("x.EXAMPLE.com") || rules.Service("x.org") {
		t.Error("service domains")
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
