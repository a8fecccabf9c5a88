package saga

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/sequencing"
	"troupe/storage/keys"
)

// kindDelete is the kind of the stories in this file.
const kindDelete Kind = "delete"

// stepMarked: the account is to be deleted, and how much of it is gone shows
// from the log, the rows and the folder. There is no other step: each of those
// that follow looks whether it has been taken.
const stepMarked = "marked"

// errDeleted ends exports of an account that is deleted.
var errDeleted = errors.New("saga: the account is being deleted")

// deletion removes an account.
type deletion struct {
	*teller
	remains
}

// remains are the data of a stored deletion.
type remains struct {
	Handle syntax.Handle `json:"handle,omitempty"` // to be forgotten with the DID
}

func newDeletion(w *teller) plot { return &deletion{teller: w} }

func (w *deletion) begin(id account.SagaID, in any) told {
	m := in.(Delete)
	w.newRow(id, kindDelete)
	w.row.DID = m.DID
	s, err := query(w.teller, account.FindStanding{DID: m.DID})
	switch {
	case errors.Is(err, account.ErrNotFound):
		known, err := w.known(m.If)
		if err != nil || !known {
			return told{refused: err, ended: true}
		}
	case err != nil:
		return told{refused: err, ended: true}
	case s.Other.ID != "" && bars(Kind(s.Other.Kind), kindDelete):
		return told{refused: ErrBusyAccount, ended: true}
	case m.If == Gone, m.If == Overdue && !overdue(s, w.o.Now()):
		return told{ended: true}
	}
	w.Handle = s.Handle
	w.o.probe("mark")
	switch err := ask(w.teller, account.BeginSaga{Saga: w.at(stepMarked, w.remains), Instead: s.Other.ID}); {
	case unknown(err):
		return told{refused: err} // it may have been stored: settle finds out
	case err != nil:
		return told{refused: err, ended: true}
	}
	w.row.Step = stepMarked
	w.o.probe("marked")
	return w.carryOut()
}

func (w *deletion) rejoin(id account.SagaID) told {
	switch err := w.read(id, &w.remains); {
	case errors.Is(err, account.ErrNoSaga):
		return told{ended: true} // it has come to its end
	case err != nil:
		return told{refused: ErrDeleting}
	}
	w.o.probe("resume")
	return w.carryOut()
}

func (w *deletion) settle(id account.SagaID) told { return w.rejoin(id) }

func overdue(s account.Standing, now time.Time) bool {
	return s.Account.Status == sequencing.StatusDeactivated && !s.DeleteAfter.IsZero() && !now.Before(s.DeleteAfter)
}

// known reports whether anything may be left of an account without rows. A DID
// that was never here is not announced as deleted.
func (w *deletion) known(c Condition) (bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), askLimit)
	defer cancel()
	head, exists, err := w.o.Log.Head(ctx, w.row.DID)
	return exists && (c == Anyway || c == Gone && head.Status == sequencing.StatusDeleted), err
}

// carryOut takes every step that has not been taken. The order is what makes the
// crash between any two of them harmless: nobody writes any more, then the world
// is told, then rows and files go, of which the log has said by then that they
// are nothing.
func (w *deletion) carryOut() told {
	if err := w.insistently("unmake", w.unmake); err != nil {
		return told{refused: ErrDeleting}
	}
	// Nothing of the account can be reached any more. What follows may take long,
	// where blobs are in a bucket, and as long as it lasts the DID is held: the
	// bytes of an account that comes back must not go with those of the old one.
	if err := w.clear(); err != nil {
		w.o.Logger.Warn("a deleted account still has files", w.attrs(slog.Any("error", err))...)
		return told{}
	}
	if err := w.insistently("end", w.end); err != nil {
		return told{}
	}
	w.o.probe("ended")
	return told{ended: true}
}

// unmake ends the account: its actor leaves and does not come back before the
// folder has another name.
func (w *deletion) unmake() error {
	ctx, cancel := context.WithTimeout(context.Background(), askLimit)
	defer cancel()
	release, err := w.o.Repos.Retire(ctx, w.row.DID.String())
	if err != nil {
		return err
	}
	defer release()
	w.o.Snapshots.Revoke(w.row.DID, errDeleted)
	w.o.probe("retired")
	seq, err := w.announce(ctx)
	if err != nil {
		return err
	}
	w.o.probe("announced")
	if err := w.removeRows(); err != nil {
		return err
	}
	w.o.probe("rows gone")
	if err := w.discard(); err != nil {
		return err
	}
	w.o.probe("discarded")
	if seq == 0 {
		return nil
	}
	// No file has to catch up with the tombstone, so the log may let go of it.
	return w.o.Log.MarkApplied(ctx, []sequencing.Applied{{DID: w.row.DID, Seq: seq}})
}

// announce appends #account deleted and takes the account's other entries out of
// the log, in one transaction. It returns the tombstone's number.
func (w *deletion) announce(ctx context.Context) (sequencing.Seq, error) {
	head, exists, err := w.o.Log.Head(ctx, w.row.DID)
	if err != nil || exists && head.Status == sequencing.StatusDeleted {
		return head.Seq, err
	}
	now, err := w.o.Clock.Now()
	if err != nil {
		return 0, err
	}
	f := sequencing.AccountFrame{DID: w.row.DID, Status: sequencing.StatusDeleted, Time: now}
	a := sequencing.Append{
		DID: w.row.DID, Expect: sequencing.Expect{Status: head.Status}, Purge: true,
		Entries: []sequencing.Entry{{
			Kind: sequencing.KindAccount, Visibility: sequencing.Public, Frame: f.Encode(), Time: now,
			Next: sequencing.Change{Status: sequencing.StatusDeleted},
		}},
	}
	if !exists { // rows without a head: the log was lost, and is told what became of the account
		a.Expect = sequencing.Expect{New: true}
	}
	type outcome struct {
		c   sequencing.Committed
		err error
	}
	done := make(chan outcome, 1)
	w.o.Append(a, func(c sequencing.Committed, err error) { done <- outcome{c, err} })
	o := <-done // it cannot be cancelled, and ends in one of the log's outcomes
	return o.c.Head.Seq, o.err
}

// removeRows has the accounts actor follow the log, which takes the account's
// rows with everything that hangs on them.
func (w *deletion) removeRows() error {
	if _, err := query(w.teller, account.CatchUp{}); err != nil {
		return err
	}
	if _, left := w.o.Index.ByDID(w.row.DID); left {
		return fmt.Errorf("saga: rows of %s outlive its entry in the log", w.row.DID)
	}
	return nil
}

// clear removes what nobody can reach any more: blobs, and what is cached.
func (w *deletion) clear() error {
	ctx, stop := context.WithCancel(w.life)
	defer stop()
	if err := w.o.Blobs.DeleteAccount(ctx, w.row.DID); err != nil {
		return err
	}
	w.o.probe("blobs gone")
	if err := w.o.Forget(ctx, w.row.DID, w.Handle); err != nil {
		w.o.Logger.Warn("a deleted account stays in the cache", w.attrs(slog.Any("error", err))...)
	}
	return nil
}

func (w *deletion) dir() string { return keys.ActorDir(w.o.Actors, w.row.DID) }

// folderLeft reports whether the account's folder still has its name.
func (w *deletion) folderLeft() (bool, error) {
	_, err := os.Lstat(w.dir())
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
