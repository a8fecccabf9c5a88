package saga

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	atid "github.com/bluesky-social/indigo/atproto/identity"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/sequencing"
	"troupe/storage/accountdb"
)

// standing is how account.sqlite says that an account stands.
func (w *world) standing(did syntax.DID) sequencing.Standing {
	w.t.Helper()
	s, err := mailbox.Ask(context.Background(), w.accounts.Address(), account.FindStanding{DID: did})
	w.must(err)
	return s.Standing
}

// What an account goes through, what the world hears of it, and how it stands.
func TestChanges(t *testing.T) {
	w := newWorld(t, nil)
	did := w.resident("alice")
	told := w.events(did)
	later := w.now().Add(time.Hour).UTC().Truncate(time.Second)
	for _, c := range []struct {
		name   string
		change any
		heard  string
		status sequencing.Status
		ref    string
		off    bool // deactivated by its owner
		until  time.Time
	}{
		{"nothing new", Moderate{}, "active", sequencing.StatusActive, "", false, time.Time{}},
		{"the owner leaves for a while", Deactivate{DeleteAfter: later}, "deactivated", sequencing.StatusDeactivated, "", true, later},
		{"nothing new", Moderate{}, "deactivated", sequencing.StatusDeactivated, "", true, later},
		{"a takedown wins", Moderate{Takedown: Applied, Ref: "case 1"}, "takendown", sequencing.StatusTakendown, "case 1", true, later},
		{"and stays with another reference", Moderate{Takedown: Applied, Ref: "case 2"}, "takendown", sequencing.StatusTakendown, "case 2", true, later},
		{"lifting it finds the account as it was left", Moderate{Takedown: Lifted}, "deactivated", sequencing.StatusDeactivated, "", true, later},
		{"the owner changes the time", Deactivate{}, "deactivated", sequencing.StatusDeactivated, "", true, time.Time{}},
		{"and comes back", Activate{}, "active identity sync", sequencing.StatusActive, "", false, time.Time{}},
		{"once more", Activate{}, "active identity sync", sequencing.StatusActive, "", false, time.Time{}},
		{"taken down while active", Moderate{Takedown: Applied, Ref: "case 3"}, "takendown", sequencing.StatusTakendown, "case 3", false, time.Time{}},
		{"a taken-down account leaves", Deactivate{DeleteAfter: later}, "takendown", sequencing.StatusTakendown, "case 3", true, later},
		{"and moderation lets it return", Moderate{Deactivated: Lifted}, "takendown", sequencing.StatusTakendown, "case 3", false, time.Time{}},
		{"both at once", Moderate{Takedown: Applied, Ref: "case 4", Deactivated: Applied}, "takendown", sequencing.StatusTakendown, "case 4", true, time.Time{}},
		{"both lifted", Moderate{Takedown: Lifted, Deactivated: Lifted}, "active", sequencing.StatusActive, "", false, time.Time{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := w.change(did, c.change); err != nil {
				t.Fatal(err)
			}
			all := w.events(did)
			if got := strings.TrimSpace(strings.TrimPrefix(all, told)); got != c.heard {
				t.Errorf("the world heard %q, want %q", got, c.heard)
			}
			told = all
			a, _ := w.index.ByDID(did)
			if a.Status != c.status || w.head(did).Status != c.status {
				t.Errorf("the index says %s, the log %s, want %s", a.Status, w.head(did).Status, c.status)
			}
			s := w.standing(did)
			if s.Takedown != c.ref || s.Deactivated.IsZero() == c.off || !s.DeleteAfter.Equal(c.until) {
				t.Errorf("stands as %+v", s)
			}
			if err := w.write(did, 1000+len(all)); (err == nil) != (c.status == sequencing.StatusActive) {
				t.Errorf("a write: %v", err)
			}
			told = w.events(did)
		})
	}
	// All of that is in the log: a copy of account.sqlite that missed it learns it.
	w.must(w.change(did, Moderate{Takedown: Applied, Ref: "last", Deactivated: Applied}))
	want := w.standing(did)
	w.restartInOrder()
	if got := w.standing(did); got != want {
		t.Errorf("after a restart %+v, was %+v", got, want)
	}
}

// A takedown without a reference is given one, and ends every session; none can
// be opened or activated away.
func TestTakedown(t *testing.T) {
	w := newWorld(t, nil)
	did := w.resident("alice")
	grant := account.Tokens{Secret: []byte("secret"), ServiceDID: "did:web:pds.test"}.NewGrant("")
	open := func() error {
		_, err := mailbox.Ask(t.Context(), w.accounts.Address(), account.OpenSession{DID: did, Session: grant})
		return err
	}
	w.must(open())
	apps := w.appSessions(did, true)
	w.must(w.change(did, Moderate{Takedown: Applied}))
	if left := w.appSessions(did, false); apps != 1 || left != 0 {
		t.Errorf("%d of %d sessions of apps are left", left, apps)
	}
	if s := w.standing(did); s.Takedown == "" {
		t.Error("no reference")
	}
	if err := open(); !errors.Is(err, account.ErrTakendown) {
		t.Errorf("opened a session: %v", err)
	}
	if err := w.change(did, Activate{}); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("activated: %v", err)
	}
	w.must(w.change(did, Moderate{Takedown: Lifted}))
	if _, err := mailbox.Ask(t.Context(), w.accounts.Address(), account.RotateSession{DID: did, ID: grant.ID}); !errors.Is(err, account.ErrRevoked) {
		t.Errorf("the session from before: %v", err)
	}
	w.must(open())
}

// A change of handle that the directory does not answer for holds up what else
// the owner wants. It keeps out neither moderation nor a deletion.
func TestAnUnfinishedStoryKeepsNobodyAlive(t *testing.T) {
	var w *world
	w = newWorld(t, func(o *Options) {
		impatient(o)
		o.probe = func(point string) {
			if point == "sending" && w != nil && w.index.Len() > 0 {
				w.plc.mode.Store(down)
			}
		}
	})
	did := w.resident("alice")
	if err := second(tellTo(w, ChangeHandle{DID: did, Handle: "carol.pds.test"})); err == nil || len(w.unfinished()) != 1 {
		t.Fatalf("%v, unfinished %+v", err, w.unfinished())
	}
	if err := w.change(did, Deactivate{}); !errors.Is(err, ErrBusyAccount) {
		t.Errorf("the owner meanwhile: %v", err)
	}
	w.must(w.change(did, Moderate{Takedown: Applied, Ref: "x"}))
	if s := w.standing(did); s.Takedown != "x" {
		t.Errorf("stands as %+v", s)
	}
	w.restartInOrder() // as it is found by the next process
	w.must(w.change(did, Moderate{Takedown: Lifted}))
	w.must(w.delete(did))
	w.gone(did)
	w.plc.mode.Store(answers)
	w.settled()
	w.back(did)
}

// appSessions counts the sessions that apps have with an account, after adding one.
func (w *world) appSessions(did syntax.DID, add bool) (n int) {
	w.t.Helper()
	db, err := accountdb.Open(context.Background(), filepath.Join(w.dir, accountdb.FileName), accountdb.Options{})
	w.must(err)
	defer db.Close()
	w.must(db.Transact(context.Background(), func(t *accountdb.Tx) error {
		if add {
			now := w.now()
			w.must(t.InsertAppSession(accountdb.AppSession{
				DID: did, Client: "https://app.test", Auth: []byte("{}"), Thumbprint: "key", Requested: "atproto", Scope: "atproto",
				CreatedAt: now, RefreshedAt: now, Token: "token", ExpiresAt: now.Add(time.Hour), EndsAt: now.Add(time.Hour),
			}))
		}
		all, err := t.AppSessions(did)
		n = len(all)
		return err
	}))
	return n
}

func TestChangesOfNobody(t *testing.T) {
	w := newWorld(t, nil)
	for _, m := range []any{Activate{}, Deactivate{}, Moderate{}} {
		if err := w.change("did:web:never.test", m); !errors.Is(err, account.ErrNotFound) {
			t.Errorf("%T: %v", m, err)
		}
	}
}

// webDocument is a document of a did:web as its owner might publish it.
func webDocument(did syntax.DID, endpoint string, key atcrypto.PublicKey) *atid.DIDDocument {
	return &atid.DIDDocument{
		DID:                did,
		VerificationMethod: []atid.DocVerificationMethod{{ID: did.String() + "#atproto", Type: "Multikey", Controller: did.String(), PublicKeyMultibase: key.Multibase()}},
		Service:            []atid.DocService{{ID: "#atproto_pds", Type: "AtprotoPersonalDataServer", ServiceEndpoint: endpoint}},
	}
}

// An account that was brought along is activated once its document leads here,
// imported or not.
func TestActivationChecksTheDocument(t *testing.T) {
	const did = "did:web:brought.test"
	w := newWorld(t, nil)
	m := person("alice")
	m.DID = did
	if _, err := w.signUp(m); err != nil {
		t.Fatal(err)
	}
	here, err := w.vault.ReadSigningKey(w.folder(did), did)
	w.must(err)
	own, _ := here.PublicKey()
	stranger, _ := atcrypto.GeneratePrivateKeyK256()
	other, _ := stranger.PublicKey()
	for _, c := range []struct {
		name string
		doc  *atid.DIDDocument
		want error
	}{
		{"none", nil, ErrNoDocument},
		{"another server", webDocument(did, "https://other.test", own), ErrWrongEndpoint},
		{"another server and key", webDocument(did, "https://other.test", other), ErrWrongEndpoint},
		{"nearly this server", webDocument(did, "https://pds.test/", own), ErrWrongEndpoint},
		{"another key", webDocument(did, "https://pds.test", other), ErrWrongKey},
		{"empty", &atid.DIDDocument{DID: did}, ErrWrongEndpoint},
	} {
		w.web[did] = c.doc
		if err := w.change(did, Activate{}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if got := w.events(did); got != "(commit) " {
			t.Errorf("%s: the log has %q", c.name, got)
		}
	}
	w.web[did] = webDocument(did, "https://pds.test", own)
	w.must(w.change(did, Activate{}))
	if got := w.events(did); got != "(commit) active identity sync " {
		t.Errorf("log has %q", got)
	}
	if err := w.write(did, 1); err != nil {
		t.Error(err)
	}
	if s := w.standing(did); !s.DeleteAfter.IsZero() {
		t.Error("is still to be deleted")
	}
}

// Of a did:plc the directory's own data count.
func TestActivationAsksTheDirectory(t *testing.T) {
	w := newWorld(t, nil)
	did := w.resident("alice")
	w.must(w.change(did, Deactivate{}))
	server, _ := w.rotate.PublicKey()
	other, _ := atcrypto.GeneratePrivateKeyK256()
	public, _ := other.PublicKey()
	for name, c := range map[string]struct {
		spoil func(*Residence)
		mode  int32
		want  error
	}{
		"rotation key": {func(r *Residence) { r.Rotation = public.DIDKey() }, answers, ErrNoRotationKey},
		"endpoint":     {func(r *Residence) { r.Endpoint = "https://moved.test" }, answers, ErrWrongEndpoint},
		"signing key": {func(r *Residence) {
			r.SigningKey = func(context.Context, syntax.DID) (string, error) { return server.DIDKey(), nil }
		}, answers, ErrWrongKey},
		"silence": {func(*Residence) {}, down, ErrDocumentUnknown},
	} {
		w.stop()
		w.options = func(o *Options) { c.spoil(&o.Residence) }
		w.start()
		w.plc.mode.Store(c.mode)
		if err := w.change(did, Activate{}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		w.plc.mode.Store(answers)
	}
	w.stop()
	w.options = nil
	w.start()
	w.must(w.change(did, Activate{}))
}

// The head of an account whose key was replaced is signed anew before it is
// announced.
func TestActivationSignsAForeignHead(t *testing.T) {
	const did = "did:web:brought.test"
	w := newWorld(t, nil)
	m := person("alice")
	m.DID = did
	if _, err := w.signUp(m); err != nil {
		t.Fatal(err)
	}
	before := w.head(did)
	w.stop()
	next, err := atcrypto.GeneratePrivateKeyK256()
	w.must(err)
	w.must(w.vault.WriteNextKey(w.folder(did), did, next))
	w.must(w.vault.AdoptNextKey(w.folder(did), did))
	w.start()
	public, _ := next.PublicKey()
	w.web[did] = webDocument(did, "https://pds.test", public)
	w.must(w.change(did, Activate{}))
	after := w.head(did)
	if got := w.events(did); got != "(commit) (commit) active identity sync " || after.Rev <= before.Rev || after.Data != before.Data {
		t.Errorf("log has %q, head %+v after %+v", got, after, before)
	}
	w.must(w.log.Replay(t.Context(), did, before.Seq, func(e sequencing.Event) error {
		frame, _, err := sequencing.DecodeFrame(e.Frame)
		if f, ok := frame.(sequencing.SyncFrame); ok && f.Rev != after.Rev {
			t.Errorf("#sync is about rev %s, the head %s", f.Rev, after.Rev)
		}
		return err
	}))
	w.must(w.write(did, 1))
}

// A process dies around the one step of a change: it has happened, whole, or it
// has not.
func TestCrashOfAChange(t *testing.T) {
	later := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	for _, c := range []struct {
		point string
		m     any
		done  bool
	}{
		{"stand", Deactivate{DeleteAfter: later}, false},
		{"stood", Deactivate{DeleteAfter: later}, true},
		{"followed", Deactivate{DeleteAfter: later}, true},
		{"stand", Moderate{Takedown: Applied, Ref: "x"}, false},
		{"stood", Moderate{Takedown: Applied, Ref: "x"}, true},
		{"activate", Activate{}, false},
		{"stood", Activate{}, true},
	} {
		t.Run(fmt.Sprintf("%T at %s", c.m, c.point), func(t *testing.T) {
			t.Parallel()
			w, crash := crashing(t)
			did := w.resident("alice")
			_, activation := c.m.(Activate)
			if activation {
				w.must(w.change(did, Deactivate{DeleteAfter: later}))
			}
			before := w.standing(did)
			crash.at(c.point)
			if err := w.change(did, c.m); !errors.Is(err, mailbox.ErrCrashed) {
				t.Fatalf("did not crash: %v", err)
			}
			w.restart(crash)
			after := w.standing(did)
			want := before
			switch m := c.m.(type) {
			case Deactivate:
				if c.done {
					want.Deactivated, want.DeleteAfter = after.Deactivated, m.DeleteAfter
				}
			case Moderate:
				if c.done {
					want.Takedown = m.Ref
				}
			case Activate:
				if c.done {
					want = sequencing.Standing{}
				}
			}
			if after != want || after.Deactivated.IsZero() && !after.DeleteAfter.IsZero() {
				t.Errorf("stands as %+v, want %+v", after, want)
			}
			if a, _ := w.index.ByDID(did); a.Status != want.Status() || w.head(did).Status != want.Status() {
				t.Errorf("index %s, log %s, want %s", a.Status, w.head(did).Status, want.Status())
			}
			w.must(w.change(did, Moderate{}))
		})
	}
}

// 64 people and moderators at once: whatever order they come in, the log, the
// index and the rows agree on it, and a takedown that nobody lifted holds.
func TestChangesRace(t *testing.T) {
	w := newWorld(t, nil)
	for round := range 3 {
		did := w.resident(fmt.Sprintf("racer%d", round))
		var all sync.WaitGroup
		start := make(chan struct{})
		for i := range 64 {
			m := []any{Activate{}, Deactivate{}, Moderate{}, Deactivate{DeleteAfter: w.now().Add(time.Hour)}}[i%4]
			if i == 40 {
				m = Moderate{Takedown: Applied, Ref: "race"}
			}
			all.Go(func() {
				<-start
				switch err := w.change(did, m); {
				case err == nil, errors.Is(err, ErrBusyAccount), errors.Is(err, ErrBusy):
					if i == 40 && err != nil {
						t.Errorf("the takedown: %v", err)
					}
				case errors.Is(err, account.ErrNotFound): // an activation behind the takedown
				default:
					t.Errorf("%T: %v", m, err)
				}
			})
		}
		close(start)
		all.Wait()
		s, head := w.standing(did), w.head(did)
		a, _ := w.index.ByDID(did)
		if s.Takedown != "race" || head.Status != sequencing.StatusTakendown || a.Status != sequencing.StatusTakendown {
			t.Errorf("stands as %+v, log %s, index %s", s, head.Status, a.Status)
		}
		n, err := mailbox.Ask(t.Context(), w.repos.Of(did.String()), repo.Count{})
		if err != nil || n.Records != 3 {
			t.Errorf("%+v, %v", n, err)
		}
	}
}
