package plcwatch

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/did-method-plc/go-didplc/didplc"

	"troupe/actors/account"
	"troupe/actors/identity/plc"
	"troupe/actors/repo"
	"troupe/sequencing"
)

// Options of a watch. Zero values mean the defaults in parentheses.
type Options struct {
	Each    iter.Seq[syntax.DID]                     // accounts of this server
	Account func(syntax.DID) (account.Account, bool) // one of them, in whatever state

	// Last is the newest operation of a DID, and Known the one that was noted of it
	// ("": none was).
	Last  func(context.Context, syntax.DID) (didplc.Operation, error)
	Known func(context.Context, syntax.DID) (string, error)

	Note     func(context.Context, account.NoteOperation) error
	Announce func(context.Context, syntax.DID, repo.AnnounceIdentity) error
	Refresh  func(context.Context, syntax.DID) error           // fetches the document anew
	Key      func(context.Context, syntax.DID) (string, error) // did:key that the account signs with

	Rotation string // did:key of this server's rotation key
	Endpoint string // public URL, as DID documents shall show it

	First  time.Duration // from the start to the first round (15 min)
	Every  time.Duration // from the beginning of a round to the next, unless it takes longer (24 h)
	Pause  time.Duration // between two accounts (1 s)
	Logger *slog.Logger  // (slog.Default)
}

// step bounds how long one account is looked at.
const step = 30 * time.Second

// Watch looks at the DIDs of accounts.
type Watch struct{ o Options }

// New makes a watch; Run starts it.
func New(o Options) *Watch {
	for _, d := range []struct {
		field *time.Duration
		def   time.Duration
	}{{&o.First, 15 * time.Minute}, {&o.Every, 24 * time.Hour}, {&o.Pause, time.Second}} {
		if *d.field == 0 {
			*d.field = d.def
		}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Watch{o}
}

// Run goes rounds until ctx ends.
func (w *Watch) Run(ctx context.Context) {
	for wait := w.o.First; sleep(ctx, wait); {
		began := time.Now()
		if err := w.round(ctx); err != nil && ctx.Err() == nil {
			w.o.Logger.Warn("round over the DIDs of accounts", slog.Any("error", err))
		}
		wait = max(w.o.Every-time.Since(began), w.o.Pause)
	}
}

// round looks at every account once.
func (w *Watch) round(ctx context.Context) error {
	for did := range w.o.Each {
		if did.Method() != "plc" {
			continue
		}
		_, err := w.guarded(ctx, did)
		switch {
		case errors.Is(err, plc.ErrUnavailable): // the others would fare no better
			return err
		case err != nil:
			w.o.Logger.Warn("the DID of an account was not looked at", slog.String("did", did.String()), slog.Any("error", err))
		}
		if !sleep(ctx, w.o.Pause) {
			return ctx.Err()
		}
	}
	return nil
}

// guarded turns a panic into an error: nobody supervises the goroutine, and one
// account is not worth the process.
func (w *Watch) guarded(ctx context.Context, did syntax.DID) (changed bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			w.o.Logger.Error("panic of a look at a DID", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("plcwatch: panic: %v", p)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, step)
	defer cancel()
	return w.Look(ctx, did)
}

// Look compares the directory's newest operation of a DID with the newest that is
// known, and reports whether somebody else made it.
func (w *Watch) Look(ctx context.Context, did syntax.DID) (changed bool, err error) {
	acct, ok := w.o.Account(did)
	if !ok {
		return false, nil
	}
	known, err := w.o.Known(ctx, did)
	if err != nil {
		return false, err
	}
	last, err := w.o.Last(ctx, did)
	if err != nil && !errors.Is(err, plc.ErrGone) {
		return false, err
	}
	cid := tombstone
	if err == nil {
		cid = last.CID().String()
	}
	if cid == known {
		return false, nil
	}
	said, err := w.differences(ctx, acct, last)
	if err != nil {
		return false, err
	}
	if known == "" && (len(said) == 0 || last != nil && last.IsGenesis()) {
		return false, w.passed(w.o.Note(ctx, account.NoteOperation{DID: did, CID: cid}))
	}
	// It may have been a story's all along.
	if now, err := w.o.Known(ctx, did); err != nil || now == cid {
		return false, err
	}
	if acct.Status == sequencing.StatusActive {
		if err := w.o.Announce(ctx, did, repo.AnnounceIdentity{}); err != nil {
			return false, err
		}
	}
	if err := w.o.Refresh(ctx, did); err != nil {
		w.o.Logger.Info("the document of a changed DID was not fetched", slog.String("did", did.String()), slog.Any("error", err))
	}
	err = w.o.Note(ctx, account.NoteOperation{DID: did, CID: cid, Subject: subject, Notice: notice(acct, said)})
	if errors.Is(err, account.ErrUnderWay) {
		return false, nil
	}
	if err == nil {
		w.o.Logger.Info("the DID of an account was changed elsewhere", slog.String("did", did.String()), slog.Any("differences", said))
	}
	return err == nil, err
}

// passed takes what only means that there is nothing to note now.
func (w *Watch) passed(err error) error {
	if errors.Is(err, account.ErrUnderWay) || errors.Is(err, account.ErrNotFound) {
		return nil
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
