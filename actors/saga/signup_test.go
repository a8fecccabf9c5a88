package saga

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/did-method-plc/go-didplc/didplc"

	"troupe/actors/account"
	"troupe/actors/identity/plc"
	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/sequencing"
	"troupe/storage/keys"
)

func TestSignUp(t *testing.T) {
	w := newWorld(t, nil)
	recovery, err := atcrypto.GeneratePrivateKeyK256()
	if err != nil {
		t.Fatal(err)
	}
	m := person("Alice")
	m.Recovery, _ = recovery.PublicKey()
	s, err := w.signUp(m)
	if err != nil {
		t.Fatal(err)
	}
	if s.Account.Handle != "alice.pds.test" || s.Scope != account.ScopeAccess {
		t.Errorf("answered %+v", s)
	}
	w.complete(s.Account.DID, sequencing.StatusActive)
	w.absent(1)

	op, err := plc.Parse(w.plc.ops[s.Account.DID.String()][0])
	if err != nil {
		t.Fatal(err)
	}
	regular := op.(*didplc.RegularOp)
	key, _ := w.vault.ReadSigningKey(keys.ActorDir(filepath.Join(w.dir, "actors"), s.Account.DID), s.Account.DID)
	public, _ := key.PublicKey()
	server, _ := w.rotate.PublicKey()
	if strings.Join(regular.RotationKeys, " ") != m.Recovery.DIDKey()+" "+server.DIDKey() ||
		regular.VerificationMethods["atproto"] != public.DIDKey() || regular.AlsoKnownAs[0] != "at://alice.pds.test" {
		t.Errorf("operation %+v", regular)
	}
	tokens := account.Tokens{Secret: []byte("secret"), ServiceDID: "did:web:pds.test"}
	r, err := tokens.ParseRefresh(s.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mailbox.Ask(t.Context(), w.accounts.Address(), account.RotateSession{DID: r.DID, ID: r.ID}); err != nil {
		t.Errorf("the session is no good: %v", err)
	}
	info, err := os.Stat(keys.ActorDir(filepath.Join(w.dir, "actors"), s.Account.DID))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder %v, %v", info.Mode(), err)
	}
}

// Every refusal leaves nothing, and they come in the reference's order: each
// case has all the faults of those below it.
func TestRefusals(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		o.InviteRequired = true
		o.ResolveHandle = func(_ context.Context, h syntax.Handle) (syntax.DID, error) {
			switch h {
			case "mine.example.org":
				return "did:web:brought.test", nil
			case "yours.example.org":
				return "did:web:other.test", nil
			}
			return "", errors.New("no such name")
		}
	})
	if _, err := mailbox.Ask(t.Context(), w.accounts.Address(), account.CreateInvites{Codes: []account.InviteCode{"first", "code"}, Uses: 1, For: []string{"admin"}, CreatedBy: "admin"}); err != nil {
		t.Fatal(err)
	}
	old := person("old")
	old.Invite = "first"
	if _, err := w.signUp(old); err != nil {
		t.Fatal(err)
	}
	m := SignUp{}
	for _, c := range []struct {
		name string
		mend func()
		want error
	}{
		{"no password", func() {}, ErrPasswordRequired},
		{"long password", func() { m.Password = strings.Repeat("x", 257) }, account.ErrInvalidPassword},
		{"no invite", func() { m.Password = "secret" }, ErrInviteRequired},
		{"no address", func() { m.Invite = "none" }, ErrEmailRequired},
		{"bad address", func() { m.Email = "old" }, account.ErrInvalidEmail},
		{"no handle", func() { m.Email = "old@mail.test" }, account.ErrInvalidHandle},
		{"short handle", func() { m.Handle = "al.pds.test" }, account.ErrInvalidHandle},
		{"reserved handle", func() { m.Handle = "admin.pds.test" }, account.ErrHandleNotAvailable},
		{"handle elsewhere without DID", func() { m.Handle = "mine.example.org" }, account.ErrUnsupportedDomain},
		{"handle elsewhere of somebody else", func() { m.DID, m.Handle = "did:web:brought.test", "yours.example.org" }, ErrHandleNotResolved},
		{"handle elsewhere of nobody", func() { m.Handle = "none.example.org" }, ErrHandleNotResolved},
		{"unknown invite", func() { m.DID, m.Handle = "", "old.pds.test" }, account.ErrInvite},
		{"used invite", func() { m.Invite = "first" }, account.ErrInvite},
		{"taken handle", func() { m.Invite = "code" }, account.ErrHandleTaken},
		{"taken address", func() { m.Handle = "new.pds.test" }, account.ErrEmailTaken},
		{"the directory says no", func() { m.Email = "new@mail.test"; w.plc.mode.Store(refuses) }, ErrRefused},
	} {
		c.mend()
		if _, err := w.signUp(m); !errors.Is(err, c.want) {
			t.Fatalf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	w.absent(1)
	if got := len(w.plc.sent); got != 2 {
		t.Errorf("%d DIDs were sent for", got)
	}
	w.plc.mode.Store(answers)
	if _, err := w.signUp(m); err != nil { // the invite and the names are free again
		t.Fatal(err)
	}
}

// An invite code that nobody asked for is held to what it promises.
func TestInviteWhereNoneIsRequired(t *testing.T) {
	w := newWorld(t, nil)
	if _, err := mailbox.Ask(t.Context(), w.accounts.Address(), account.CreateInvites{Codes: []account.InviteCode{"once"}, Uses: 1, For: []string{"admin"}, CreatedBy: "admin"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		who    string
		invite account.InviteCode
		want   error
	}{{"anna", "unknown", account.ErrInvite}, {"anna", "once", nil}, {"berta", "once", account.ErrInvite}, {"berta", "", nil}} {
		m := person(c.who)
		m.Invite = c.invite
		if _, err := w.signUp(m); !errors.Is(err, c.want) {
			t.Errorf("%s with %q: %v, want %v", c.who, c.invite, err, c.want)
		}
	}
}

// A DID that is brought along gets a silent, deactivated account.
func TestBroughtDID(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		o.ResolveHandle = func(context.Context, syntax.Handle) (syntax.DID, error) { return "did:web:brought.test", nil }
	})
	m := person("any")
	m.Handle, m.DID = "my.example.org", "did:web:brought.test"
	s, err := w.signUp(m)
	if err != nil {
		t.Fatal(err)
	}
	if s.Account.DID != m.DID || s.Account.Handle != "my.example.org" || s.Account.Status != sequencing.StatusDeactivated {
		t.Errorf("answered %+v", s.Account)
	}
	w.complete(m.DID, sequencing.StatusDeactivated)
	if n := w.plc.submissions(); n != 0 {
		t.Errorf("%d operations were sent", n)
	}
	other := person("other")
	other.DID = m.DID
	if _, err := w.signUp(other); !errors.Is(err, account.ErrDIDTaken) {
		t.Errorf("the same DID again: %v", err)
	}
	if _, err := w.signUp(m); !errors.Is(err, account.ErrDIDTaken) {
		t.Errorf("the same sign-up again: %v", err)
	}
	w.absent(1)
}

// A folder that is there belongs to somebody, even if this database does not
// know it any more. It is left alone.
func TestForeignFolder(t *testing.T) {
	w := newWorld(t, nil)
	w.littered = true
	dir := keys.ActorDir(filepath.Join(w.dir, "actors"), "did:web:brought.test")
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "key"), []byte("precious"), 0o600)); err != nil {
		t.Fatal(err)
	}
	m := person("alice")
	m.DID = "did:web:brought.test"
	if _, err := w.signUp(m); !errors.Is(err, account.ErrDIDTaken) {
		t.Errorf("%v", err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "key")); err != nil || string(b) != "precious" {
		t.Errorf("%q, %v", b, err)
	}
	if len(w.unfinished()) > 0 {
		t.Error("something is left")
	}
}

func TestRaces(t *testing.T) {
	const n = 64
	for name, same := range map[string]func(*SignUp){
		"handle":  func(m *SignUp) { m.Handle = "same.pds.test" },
		"address": func(m *SignUp) { m.Email = "same@mail.test" },
		"invite":  func(m *SignUp) { m.Invite = "once" },
		"person":  func(m *SignUp) { *m = person("same") },
		"DID":     func(m *SignUp) { m.DID = "did:web:brought.test" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(o *Options) { o.InviteRequired = name == "invite" })
			if _, err := mailbox.Ask(t.Context(), w.accounts.Address(), account.CreateInvites{Codes: []account.InviteCode{"once"}, Uses: 1, For: []string{"admin"}, CreatedBy: "admin"}); err != nil {
				t.Fatal(err)
			}
			var all sync.WaitGroup
			errs := make([]error, n)
			for i := range n {
				m := person(fmt.Sprintf("p%02d", i))
				same(&m)
				all.Go(func() { _, errs[i] = w.signUp(m) })
			}
			all.Wait()
			won := 0
			for _, err := range errs {
				switch {
				case err == nil:
					won++
				case errors.Is(err, account.ErrHandleTaken), errors.Is(err, account.ErrEmailTaken), errors.Is(err, account.ErrInvite), errors.Is(err, account.ErrDIDTaken):
				default:
					t.Error(err)
				}
			}
			if won != 1 {
				t.Errorf("%d won", won)
			}
			w.absent(1)
			if name != "DID" && len(w.plc.dids()) != 1 {
				t.Errorf("DIDs %v", w.plc.dids())
			}
		})
	}
}

// The directory's answer is lost. The person tries again with the same data and
// gets the account that was begun.
func TestTryAgain(t *testing.T) {
	for name, mode := range map[string]int32{"it took the operation": swallows, "it did not": down} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, impatient)
			w.plc.mode.Store(mode)
			if _, err := w.signUp(person("alice")); !errors.Is(err, ErrUnconfirmed) {
				t.Fatal(err)
			}
			began := w.unfinished()
			if len(began) != 1 || began[0].Step != stepSending {
				t.Fatalf("%+v", began)
			}
			for what, change := range map[string]func(*SignUp){
				"password": func(m *SignUp) { m.Password = "guess" },
				"address":  func(m *SignUp) { m.Email = "mallory@mail.test" },
				"DID":      func(m *SignUp) { m.DID = "did:web:mallory.test" },
			} {
				m := person("alice")
				change(&m)
				if _, err := w.signUp(m); !errors.Is(err, account.ErrHandleTaken) {
					t.Errorf("another %s: %v", what, err)
				}
			}
			w.plc.mode.Store(answers)
			s, err := w.tryUntil(person("alice"))
			if mode == swallows && errors.Is(err, account.ErrHandleTaken) {
				// It was completed between two tries.
				s.Account, _ = w.index.ByHandle("alice.pds.test")
				err = nil
			}
			if err != nil || s.Account.DID != began[0].DID {
				t.Fatalf("%+v, %v", s.Account, err)
			}
			w.settled()
			w.complete(s.Account.DID, sequencing.StatusActive)
			w.absent(1)
		})
	}
}

// tryUntil signs up again while the story is being looked after.
func (w *world) tryUntil(m SignUp) (s account.Session, err error) {
	for range 200 {
		if s, err = w.signUp(m); err == nil || (errors.Is(err, account.ErrHandleTaken) && len(w.unfinished()) == 0) {
			return s, err
		}
		time.Sleep(2 * time.Millisecond)
	}
	return s, err
}

// Nobody waits any more. What the directory has is completed; what it does not
// have, once no copy can be under way, is forgotten, and never sent again.
func TestSettle(t *testing.T) {
	for _, c := range []struct {
		name string
		mode int32
		left int
	}{{"it took the operation", swallows, 1}, {"it did not", down, 0}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, impatient)
			w.plc.mode.Store(c.mode)
			if _, err := w.signUp(person("alice")); !errors.Is(err, ErrUnconfirmed) {
				t.Fatal(err)
			}
			sent := w.plc.submissions()
			time.Sleep(30 * time.Millisecond) // several looks at a directory that is down
			if got := w.unfinished(); len(got) != 1 {
				t.Fatalf("gave up while the directory is down: %+v", got)
			}
			w.plc.mode.Store(answers)
			if c.left == 0 {
				time.Sleep(30 * time.Millisecond) // absence is not believed yet
				if got := w.unfinished(); len(got) != 1 {
					t.Fatalf("gave up at once: %+v", got)
				}
				w.clock.Add((3 * time.Minute).Microseconds())
			}
			w.settled()
			if got := w.plc.submissions(); got != sent {
				t.Errorf("sent %d more behind everybody's back", got-sent)
			}
			w.absent(c.left)
			for _, did := range w.plc.dids() {
				w.complete(did, sequencing.StatusActive)
			}
		})
	}
}

// A refusal says nothing about an earlier sending that was not answered: a copy
// may be on its way. The names stay held until that is settled.
func TestRefusedInDoubt(t *testing.T) {
	w := newWorld(t, nil)
	w.plc.mode.Store(wavers)
	if _, err := w.signUp(person("alice")); !errors.Is(err, ErrUnconfirmed) {
		t.Fatal(err)
	}
	if left := w.unfinished(); len(left) != 1 || left[0].Step != stepSending {
		t.Fatalf("%+v", left)
	}
	w.clock.Add((3 * time.Minute).Microseconds())
	w.settled()
	w.absent(0)
}

// A client that leaves before anything was sent leaves nothing.
func TestClientLeaves(t *testing.T) {
	ctx, leave := context.WithCancel(context.Background())
	w := newWorld(t, func(o *Options) {
		o.probe = func(point string) {
			if point == "keyed" {
				leave()
			}
		}
	})
	if _, err := mailbox.Ask(ctx, w.sagas.Address(), person("alice")); !errors.Is(err, context.Canceled) && !errors.Is(err, ErrUnconfirmed) {
		t.Fatal(err) // whichever it saw first
	}
	w.settled()
	w.absent(0)
	if n := w.plc.submissions(); n != 0 {
		t.Errorf("%d operations were sent", n)
	}
}

// The repository cannot be made at first: the DID exists, so the account will.
func TestStuckInside(t *testing.T) {
	var failing sync.Map
	w := newWorld(t, func(o *Options) {
		create := o.CreateRepo
		o.CreateRepo = func(ctx context.Context, did syntax.DID, m repo.Create) (repo.Commit, error) {
			if _, ok := failing.Load("yes"); ok {
				return repo.Commit{}, sequencing.ErrFull
			}
			return create(ctx, did, m)
		}
	})
	failing.Store("yes", true)
	if _, err := w.signUp(person("alice")); !errors.Is(err, ErrUnfinished) {
		t.Fatal(err)
	}
	if left := w.unfinished(); len(left) != 1 || left[0].Step != stepInserted {
		t.Fatalf("%+v", left)
	}
	failing.Delete("yes")
	w.settled()
	w.complete(w.plc.dids()[0], sequencing.StatusActive)
}

func TestLimits(t *testing.T) {
	w := newWorld(t, func(o *Options) { impatient(o); o.Unsettled = 2 })
	w.plc.mode.Store(down)
	for i, want := range []error{ErrUnconfirmed, ErrUnconfirmed, ErrBusy} {
		if _, err := w.signUp(person(fmt.Sprintf("p%02d", i))); !errors.Is(err, want) {
			t.Errorf("sign-up %d: %v, want %v", i, err, want)
		}
	}
}
