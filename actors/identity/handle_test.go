package identity

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

const (
	name      = syntax.Handle("a.example.com")
	txtName   = "_atproto.a.example.com"
	wellKnown = "https://a.example.com/.well-known/atproto-did"
)

func TestHandleSources(t *testing.T) {
	did := "did=" + alice.String()
	file := func(s string) *answer { a := ok(s); return &a }
	for label, c := range map[string]struct {
		dns, web *answer // nil: no such name
		want     syntax.DID
		err      error
	}{
		"nothing":                       {nil, nil, "", ErrHandleNotFound},
		"DNS only":                      {file(did), nil, alice, nil},
		"file only":                     {nil, file(alice.String()), alice, nil},
		"DNS wins":                      {file(did), file(bob.String()), alice, nil},
		"DNS wins though slower":        {&answer{status: 200, body: did, takes: time.Second}, file(bob.String()), alice, nil},
		"DNS among other records":       {file("v=spf1 -all\n" + did + "\nx=did=" + bob.String()), nil, alice, nil},
		"no did record":                 {file("v=spf1 -all"), file(bob.String()), bob, nil},
		"two records":                   {file(did + "\ndid=" + bob.String()), nil, "", ErrHandleAmbiguous},
		"same record twice":             {file(did + "\n" + did), nil, "", ErrHandleAmbiguous},
		"two records, good file":        {file(did + "\ndid=" + bob.String()), file(alice.String()), "", ErrHandleAmbiguous},
		"record without DID":            {file("did=x"), file(alice.String()), "", ErrHandleAmbiguous},
		"record with a space":           {file("did= " + alice.String()), nil, "", ErrHandleAmbiguous},
		"DNS down, file good":           {&answer{err: broken}, file(alice.String()), alice, nil},
		"DNS hangs, file good":          {&answer{takes: time.Hour}, file(alice.String()), alice, nil},
		"DNS down, no file":             {&answer{err: broken}, nil, "", ErrHandleUnavailable},
		"no record, file down":          {nil, &answer{err: broken}, "", ErrHandleUnavailable},
		"no record, file hangs":         {nil, &answer{takes: time.Hour}, "", ErrHandleUnavailable},
		"no record, 404":                {nil, &answer{status: 404}, "", ErrHandleNotFound},
		"no record, 500":                {nil, &answer{status: 500}, "", ErrHandleUnavailable},
		"no record, redirect":           {nil, &answer{status: 301}, "", ErrHandleUnavailable},
		"file with line break":          {nil, file(alice.String() + "\n"), alice, nil},
		"file with spaces and CRLF":     {nil, file("  " + alice.String() + " \r\n"), alice, nil},
		"file with two lines":           {nil, file(alice.String() + "\n" + bob.String()), alice, nil},
		"file with a web page":          {nil, file("<!doctype html><p>" + alice.String()), "", ErrHandleNotFound},
		"file with an empty line first": {nil, file("\n" + alice.String()), "", ErrHandleNotFound},
		"empty file":                    {nil, file(""), "", ErrHandleNotFound},
		"file of 2 KiB":                 {nil, file(alice.String() + "\n" + strings.Repeat("x", maxWellKnown-33)), alice, nil},
		"file of 2 KiB and a byte":      {nil, file(alice.String() + "\n" + strings.Repeat("x", maxWellKnown-32)), "", ErrHandleNotFound},
		"file with did:key":             {nil, file("did:key:zQ3sh"), "", ErrHandleNotFound},
		"file with did:web":             {nil, file("did:web:example.com"), "did:web:example.com", nil},
	} {
		t.Run(label, func(t *testing.T) {
			inWorld(t, func(s *server) {
				if c.dns != nil {
					s.set(s.txt, txtName, *c.dns)
				}
				if c.web != nil {
					s.set(s.web, wellKnown, *c.web)
				}
				s.wantHandle(name, c.want, c.err)
				s.wantHandle("A.Example.COM", c.want, c.err)
				want := 1 // an answer is kept, a failure is not
				if c.err != nil {
					want = 2
				}
				s.wantAsked(txtName, want)
			})
		})
	}
}

// Both sources are asked at once: the time of a lookup is that of the slower one.
func TestHandleSourcesInParallel(t *testing.T) {
	inWorld(t, func(s *server) {
		s.set(s.txt, txtName, slow(ok("v=spf1"), 2*time.Second))
		s.set(s.web, wellKnown, slow(ok(alice.String()), 2*time.Second))
		start := time.Now()
		s.wantHandle(name, alice, nil)
		if took := time.Since(start); took != 2*time.Second {
			s.t.Errorf("took %s, want 2s", took)
		}
	})
}

func TestBackupNameServers(t *testing.T) {
	second, third := newWorld(), newWorld()
	third.txt[txtName] = ok("did=" + alice.String())
	inWorld(t, func(s *server) {
		s.wantHandle(name, alice, nil)
		s.wantAsked(txtName, 1)
		if second.count(txtName) != 1 || third.count(txtName) != 1 {
			s.t.Errorf("backups were asked %d and %d times", second.count(txtName), third.count(txtName))
		}
		s.set(s.txt, "_atproto.b.example.com", ok("did="+bob.String()))
		s.wantHandle("b.example.com", bob, nil)
		if second.count("_atproto.b.example.com") != 0 {
			s.t.Error("a backup was asked though DNS had the answer")
		}
		s.wantHandle("c.example.com", "", ErrHandleNotFound)
	}, func(o *Options) { o.Backup = []LookupTXT{second.lookupTXT, third.lookupTXT} })
}

func TestHandleStaleness(t *testing.T) {
	inWorld(t, func(s *server) {
		s.set(s.txt, txtName, ok("did="+alice.String()))
		s.wantHandle(name, alice, nil)
		s.set(s.txt, txtName, ok("did="+bob.String()))
		time.Sleep(30 * time.Minute)
		s.wantHandle(name, alice, nil)
		s.wantAsked(txtName, 1)
		time.Sleep(time.Hour)
		s.wantHandle(name, alice, nil)
		synctest.Wait()
		s.wantHandle(name, bob, nil)
		s.wantAsked(txtName, 2)
		s.set(s.txt, txtName, ok("v=spf1"))
		time.Sleep(25 * time.Hour)
		s.wantHandle(name, "", ErrHandleNotFound)
	})
}

// A handle that no longer names one DID is not served from the cache either.
func TestHandleThatBecomesAmbiguous(t *testing.T) {
	inWorld(t, func(s *server) {
		s.set(s.txt, txtName, ok("did="+alice.String()))
		s.wantHandle(name, alice, nil)
		s.set(s.txt, txtName, ok("did="+alice.String()+"\ndid="+bob.String()))
		time.Sleep(2 * time.Hour)
		s.wantHandle(name, alice, nil)
		synctest.Wait()
		s.wantHandle(name, "", ErrHandleAmbiguous)
	})
}

// Handles that must not reach DNS or a URL.
func TestRefusedHandles(t *testing.T) {
	refused := map[syntax.Handle]error{
		"a.test": ErrHandleReserved, "a.local": ErrHandleReserved, "a.localhost": ErrHandleReserved,
		"a.invalid": ErrHandleReserved, "handle.invalid": ErrHandleReserved, "a.internal": ErrHandleReserved,
		"a.example": ErrHandleReserved, "a.onion": ErrHandleReserved, "a.arpa": ErrHandleReserved,
		"a.alt": ErrHandleReserved, "A.TEST": ErrHandleReserved,
		"": ErrHandleInvalid, "a": ErrHandleInvalid, "localhost": ErrHandleInvalid, "127.0.0.1": ErrHandleInvalid,
		"a.example.com.": ErrHandleInvalid, "a.example.com/x": ErrHandleInvalid, "a.example.com:80": ErrHandleInvalid,
		"u@a.example.com": ErrHandleInvalid, "a.example.com?x": ErrHandleInvalid, "a..com": ErrHandleInvalid,
		"аlice.example.com": ErrHandleInvalid, "a\u200b.example.com": ErrHandleInvalid, "a。example.com": ErrHandleInvalid,
		"a.example.com\r\nx": ErrHandleInvalid, "-a.example.com": ErrHandleInvalid, "[::1]": ErrHandleInvalid,
		syntax.Handle(strings.Repeat("a.", 130) + "com"): ErrHandleInvalid,
	}
	inWorld(t, func(s *server) {
		for h, want := range refused {
			s.wantHandle(h, "", want)
		}
		if len(s.asked) != 0 {
			s.t.Errorf("asked %v", s.asked)
		}
	})
}

func TestStaticHandles(t *testing.T) {
	known := map[syntax.Handle]syntax.DID{"alice.test": alice}
	static := func(h syntax.Handle) (syntax.DID, bool) { did, ok := known[h]; return did, ok }
	inWorld(t, func(s *server) {
		s.wantHandle("Alice.test", alice, nil)
		s.wantHandle("other.test", "", ErrHandleReserved)
		known["alice.test"] = bob // its owner knows better than a cache
		s.wantHandle("alice.test", bob, nil)
		if len(s.asked) != 0 {
			s.t.Errorf("asked %v", s.asked)
		}
	}, func(o *Options) { o.Static = static })
	inWorld(t, func(s *server) {
		s.set(s.txt, "_atproto.dev.test", ok("did="+bob.String()))
		s.wantHandle("dev.test", bob, nil)
	}, func(o *Options) { o.Dev = true })
}
