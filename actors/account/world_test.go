package account

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
	"troupe/sequencing"
	"troupe/storage/accountdb"
	"troupe/storage/keys"
)

// world is an accounts actor over a directory, with a clock of its own.
type world struct {
	t      testing.TB
	path   string
	log    sequencing.Log
	sys    *mailbox.System
	h      *mailbox.Handle[*Accounts]
	index  *Index
	reads  *Reads
	clock  atomic.Int64 // µs
	tick   time.Duration
	vfs    string
	probe  func(any)
	mailed func()
	grants *Grants
	vault  *keys.Vault
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newWorld(t testing.TB, log sequencing.Log) *world {
	t.Helper()
	return newWorldWith(t, log, "")
}

// newWorldWith has the file on a file system of its own.
func newWorldWith(t testing.TB, log sequencing.Log, vfs string) *world {
	t.Helper()
	w := &world{t: t, path: filepath.Join(t.TempDir(), accountdb.FileName), log: log, tick: time.Hour, vfs: vfs, probe: func(any) {}}
	w.clock.Store(noon.UnixMicro())
	var err error
	if w.vault, _, err = keys.OpenVault(filepath.Join(filepath.Dir(w.path), "keys", "kek"), true); err != nil {
		t.Fatal(err)
	}
	w.start()
	t.Cleanup(w.stop)
	return w
}

func (w *world) now() time.Time { return time.UnixMicro(w.clock.Load()).UTC() }

func (w *world) pass(d time.Duration) { w.clock.Add(d.Microseconds()) }

func (w *world) start() {
	w.t.Helper()
	w.sys, w.index = mailbox.NewSystem(slog.New(slog.DiscardHandler)), NewIndex()
	var err error
	w.h, err = Spawn(w.sys, Options{Path: w.path, Log: w.log, Index: w.index, Now: w.now, Tick: w.tick, VFS: w.vfs, Mailed: w.mailed, Vault: w.vault, Grants: w.grants, probe: func(m any) { w.probe(m) }, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.t.Fatal(err)
	}
	if w.reads, err = OpenReads(context.Background(), w.path, 2, w.vfs); err != nil {
		w.t.Fatal(err)
	}
}

// stop ends the actor and looks at what it leaves.
func (w *world) stop() {
	w.t.Helper()
	if w.h == nil {
		return
	}
	err := w.reads.with(context.Background(), func(r *accountdb.Reader) error {
		bad, err := r.Check()
		if len(bad) > 0 {
			w.t.Errorf("broken invariants: %v", bad)
		}
		return err
	})
	if err := errors.Join(err, w.reads.Close(), w.h.Stop(context.Background())); err != nil {
		w.t.Error(err)
	}
	w.sys.Shutdown()
	w.h = nil
}

func tell[R any](w *world, m mailbox.Message[*Accounts, R]) (R, error) {
	return mailbox.Ask(context.Background(), w.h.Address(), m)
}

func must[R any](w *world, m mailbox.Message[*Accounts, R]) R {
	w.t.Helper()
	r, err := tell(w, m)
	if err != nil {
		w.t.Fatalf("%T: %v", m, err)
	}
	return r
}

func refuse[R any](w *world, want error, m mailbox.Message[*Accounts, R]) {
	w.t.Helper()
	if _, err := tell(w, m); !errors.Is(err, want) {
		w.t.Fatalf("%T: %v, want %v", m, err, want)
	}
}

func did(name string) syntax.DID {
	return syntax.DID("did:plc:" + fmt.Sprintf("%saaaaaaaaaaaaaaaaaaaaaaaa", name)[:24])
}

func reservation(name string, invite InviteCode) ReserveSignup {
	return ReserveSignup{
		Saga:   Saga{ID: SagaID("saga " + name), Kind: "signup", DID: did(name), Step: "reserved", Data: []byte("{}"), CreatedAt: noon, UpdatedAt: noon},
		Handle: syntax.Handle(name + ".test"), Email: Email(name + "@mail.test"), Invite: invite,
	}
}

func insertion(name string, hash PasswordHash, session Grant) InsertAccount {
	r := reservation(name, "")
	r.Saga.Step = "inserted"
	return InsertAccount{
		Saga:    r.Saga,
		Account: NewAccount{DID: did(name), Handle: r.Handle, Email: r.Email, Password: hash, Status: sequencing.StatusActive},
		Session: session,
	}
}

// person makes an account and a session.
func (w *world) person(name string, hash PasswordHash) (syntax.DID, Grant) {
	w.t.Helper()
	must(w, reservation(name, ""))
	g := Grant{ID: newTokenID(), Expires: w.now().Add(RefreshLifetime)}
	must(w, insertion(name, hash, g))
	must(w, EndSaga{ID: SagaID("saga " + name)})
	return did(name), g
}

// race asks n times at once and returns how often each error came back ("" is success).
func race[R any](w *world, n int, message func(i int) mailbox.Message[*Accounts, R]) (answers []R, outcomes map[string]int) {
	var ready, done sync.WaitGroup
	gate := make(chan struct{})
	answers, errs := make([]R, n), make([]error, n)
	for i := range n {
		ready.Add(1)
		done.Go(func() {
			m := message(i)
			ready.Done()
			<-gate
			answers[i], errs[i] = tell(w, m)
		})
	}
	ready.Wait()
	close(gate)
	done.Wait()
	outcomes = make(map[string]int)
	for _, err := range errs {
		if err == nil {
			outcomes[""]++
		} else {
			outcomes[err.Error()]++
		}
	}
	return answers, outcomes
}
