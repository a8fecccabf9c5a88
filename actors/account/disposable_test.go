package account

import (
	"errors"
	"strings"
	"testing"
)

func TestEmailRules(t *testing.T) {
	rules, err := NewEmailRules(strings.NewReader("# our own\n@Nuisance.test\n\n!mail.tm # ours\n"))
	if err != nil {
		t.Fatal(err)
	}
	for address, taken := range map[string]bool{
		"alice@example.com": true, "alice@mailinator.com": false, "Alice@Sub.YopMail.com": false, "alice@notmailinator.com": true,
		"alice@mailinator.com.example.com": true, "alice@nuisance.test": false, "alice@mail.tm": true, "no address": false, "mailinator.com@example.com": true,
	} {
		if _, err := rules.Parse(address); taken != (err == nil) || !taken && !errors.Is(err, ErrInvalidEmail) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := (EmailRules{}).Parse("alice@mailinator.com"); err != nil {
		t.Error("without rules", err)
	}
	for line := range strings.Lines(wellKnownDisposable) {
		line = strings.TrimSpace(line)
		if _, err := ParseEmail("a@" + line); !strings.HasPrefix(line, "#") && err != nil {
			t.Errorf("%q is no domain of addresses", line)
		}
	}
}
