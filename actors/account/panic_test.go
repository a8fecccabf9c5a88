package account

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"troupe/actors/mailbox"
	"troupe/storage/sqlite"
	"troupe/storage/sqlite/faultvfs"
)

// A request whose decision panics is answered at once. The others, also those
// of its very transaction, are done, and so is everything that comes later.
func TestAPanicSparesTheBatch(t *testing.T) {
	w := newWorld(t, nil)
	type poison = UpgradePassword
	w.probe = func(m any) {
		if _, ok := m.(poison); ok {
			panic("injected")
		}
	}
	w.person("a", "hash")
	var all sync.WaitGroup
	var sessions [2][40]TokenID
	for round := range sessions {
		// Transactions hold none of the poison, one, or several.
		for i := range sessions[round] {
			g := Grant{ID: newTokenID(), Expires: w.now().Add(time.Hour)}
			sessions[round][i] = g.ID
			all.Go(func() { // without a deadline: an answer that stays away ends the test
				if _, err := mailbox.Ask(context.Background(), w.h.Address(), OpenSession{DID: did("a"), Session: g}); err != nil {
					t.Errorf("another request: %v", err)
				}
			})
			if i%20 == 7 {
				all.Go(func() {
					if _, err := mailbox.Ask(context.Background(), w.h.Address(), poison{DID: did("a"), Old: "hash", New: "new"}); !errors.Is(err, mailbox.ErrCrashed) {
						t.Errorf("the asker was answered with %v", err)
					}
				})
			}
		}
		all.Wait()
	}
	w.person("b", "hash")
	agree(t, w)
	for _, round := range sessions {
		for _, id := range round {
			must(w, RotateSession{DID: did("a"), ID: id})
		}
	}
}

// A panic that is nobody's decision, a broken disk behind it, costs the answers
// of that one transaction. What was acknowledged before and after is there.
func TestAPanicBehindADecision(t *testing.T) {
	fs := faultvfs.New("accounts-panic")
	w := newWorldWith(t, nil, "accounts-panic")
	w.person("a", "hash")
	quit := make(chan struct{})
	var all sync.WaitGroup
	var acked sync.Map
	var done, doubtful atomic.Int64
	for lane := range 8 {
		all.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-quit:
					return
				default:
				}
				g := Grant{ID: TokenID(fmt.Sprintf("session-%d-%d", lane, i)), Expires: w.now().Add(time.Hour)}
				_, err := mailbox.Ask(context.Background(), w.h.Address(), OpenSession{DID: did("a"), Session: g})
				switch {
				case err == nil:
					acked.Store(g.ID, true)
					done.Add(1)
				case errors.Is(err, mailbox.ErrCrashed), errors.Is(err, sqlite.ErrIO), errors.Is(err, sqlite.ErrSync):
					doubtful.Add(1)
				default:
					t.Errorf("another request: %v", err)
					return
				}
			}
		})
	}
	for range 3 {
		before, doubts := done.Load(), doubtful.Load()
		fs.Set(faultvfs.Fault{At: 1, Ops: faultvfs.Sync, Suffix: "-wal", Action: faultvfs.EIO})
		for doubtful.Load() == doubts && !t.Failed() {
			time.Sleep(time.Millisecond)
		}
		fs.Clear()
		for done.Load() < before+20 && !t.Failed() { // it is at work again
			time.Sleep(time.Millisecond)
		}
	}
	close(quit)
	all.Wait()
	agree(t, w)
	acked.Range(func(id, _ any) bool {
		must(w, RotateSession{DID: did("a"), ID: id.(TokenID)})
		return true
	})
}
