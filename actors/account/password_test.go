package account

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
)

// Cheap hashes: what is tested is not their strength.
func cheap() *Passwords { return NewPasswords(PasswordOptions{MemoryKiB: 64, Passes: 1}) }

// Hashes made by the reference's scheme with another implementation of scrypt.
const (
	referenceHash PasswordHash = "00112233445566778899aabbccddeeff:3e19ebeabf15ad17c24de695284e79441c0d80c6d98b95a3c052c58a0d57b09f83b0742a5805af28a0b5bbcf673af62819b91eb830a104fb0bb42def767f52aa"
	referenceApp  PasswordHash = "693c5d2d2f93d8419c4274771bd9ec78:85e4cd03fdd2ee08d68a16d6808fee33682cf4bd9cb8d317da8f36fd36e214dee69ad32d417c59d658f2f47d69784739a46444038cf8feb551da2288f0f8d890"
)

func TestPasswords(t *testing.T) {
	p, ctx := cheap(), context.Background()
	ours, err := p.Hash(ctx, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	stronger, err := NewPasswords(PasswordOptions{MemoryKiB: 128, Passes: 1}).Hash(ctx, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	greedy := PasswordHash(strings.Replace(string(ours), "m=64", "m=4294967295", 1))
	for _, c := range []struct {
		name        string
		hash        PasswordHash
		password    string
		ok, upgrade bool
	}{
		{"ours", ours, "correct horse", true, false},
		{"ours, wrong", ours, "correct horsf", false, false},
		{"ours, empty", ours, "", false, false},
		{"other parameters", stronger, "correct horse", true, true},
		{"the reference's", referenceHash, "correct horse", true, true},
		{"the reference's, wrong", referenceHash, "Correct horse", false, true},
		{"nobody's", "", "correct horse", false, false},
		{"asks for too much", greedy, "correct horse", false, false},
		{"junk", "$argon2id$v=19$m=64,t=1,p=1$!$!", "correct horse", false, false},
		{"junk", "salt:00", "correct horse", false, false},
	} {
		ok, upgrade, err := p.Verify(ctx, c.hash, c.password)
		if err != nil || ok != c.ok || upgrade != c.upgrade {
			t.Errorf("%s: %v %v %v", c.name, ok, upgrade, err)
		}
	}
	again, _ := p.Hash(ctx, "correct horse")
	if again == ours {
		t.Error("two hashes without salt")
	}
	for _, n := range []int{0, MaxNewPassword + 1} {
		if _, err := p.Hash(ctx, strings.Repeat("x", n)); !errors.Is(err, ErrInvalidPassword) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if _, _, err := p.Verify(ctx, ours, strings.Repeat("x", MaxPassword+1)); !errors.Is(err, ErrInvalidPassword) {
		t.Errorf("too long: %v", err)
	}
}

func TestAppPasswordHash(t *testing.T) {
	got, err := cheap().HashApp(context.Background(), "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa", "abcd-efgh-ijkl-mnop")
	if err != nil || got != referenceApp {
		t.Errorf("%s, %v", got, err)
	}
	seen := make(map[string]bool)
	for range 100 {
		p := NewAppPassword()
		if !appPasswordForm.MatchString(p) || seen[p] {
			t.Fatalf("%q", p)
		}
		seen[p] = true
	}
	if c := NewInviteCode("pds.example.com"); len(c) != len("pds-example-com-abcde-abcde") || !strings.HasPrefix(string(c), "pds-example-com-") {
		t.Errorf("invite %q", c)
	}
}

// The pool runs few at once, lets some wait, and honours their contexts.
func TestPool(t *testing.T) {
	p := NewPasswords(PasswordOptions{Parallel: 1, Waiting: 2, MemoryKiB: 64, Passes: 1})
	leave, err := p.enter(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var waiting sync.WaitGroup
	for range 2 {
		waiting.Go(func() {
			if _, err := p.Hash(ctx, "x"); !errors.Is(err, context.Canceled) {
				t.Errorf("waited: %v", err)
			}
		})
	}
	for p.waiting.Load() < 3 {
	}
	if _, err := p.Hash(context.Background(), "x"); !errors.Is(err, ErrBusy) {
		t.Errorf("one too many: %v", err)
	}
	cancel()
	waiting.Wait()
	leave()
	if _, err := p.Hash(context.Background(), "x"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
