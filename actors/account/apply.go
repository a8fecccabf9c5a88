package account

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/sequencing"
	"troupe/storage/accountdb"
)

// page bounds the entries of one transaction while catching up.
const page = 512

// errPage ends a replay when a page is full.
var errPage = errors.New("account: page is full")

var followed = []sequencing.Kind{sequencing.KindIdentity, sequencing.KindAccount}

// catchUp applies the identity and account entries that this file lacks. With
// nothing new it is one look at a small index of the log.
func (a *Accounts) catchUp(ctx context.Context) error {
	if a.o.Log == nil {
		return nil
	}
	for {
		var events []sequencing.Event
		err := a.o.Log.ReplayKinds(ctx, a.applied, followed, func(e sequencing.Event) error {
			if events = append(events, e); len(events) == page {
				return errPage
			}
			return nil
		})
		full := errors.Is(err, errPage)
		if err != nil && !full {
			return fmt.Errorf("account: read the log: %w", err)
		}
		if len(events) > 0 {
			if err := a.applyPage(ctx, events); err != nil {
				return err
			}
		}
		if !full {
			return nil
		}
	}
}

func (a *Accounts) applyPage(ctx context.Context, events []sequencing.Event) error {
	last := events[len(events)-1].Seq
	changed, gone, err := a.transact(func(b *batch) error {
		for _, e := range events {
			if err := a.apply(ctx, b, e); err != nil {
				return fmt.Errorf("account: apply entry %d: %w", e.Seq, err)
			}
		}
		return b.SetApplied(int64(last))
	})
	if a.doubtful {
		panic(err)
	}
	if err != nil {
		return err
	}
	a.o.Index.update(changed, gone)
	a.applied = last
	// The commit above is on the disk, so the log may forget these entries.
	return a.o.Log.MarkAccounts(ctx, last)
}

// apply brings one entry into the tables. It never refuses: an account that is
// not known gets a row that nobody can sign in to, and a handle that somebody
// else holds changes hands, since the log is later and right.
func (a *Accounts) apply(ctx context.Context, b *batch, e sequencing.Event) error {
	status := e.Next.Status
	handle, named := syntax.Handle(""), false
	if len(e.Frame) > 0 {
		frame, _, err := sequencing.DecodeFrame(e.Frame)
		if err != nil { // concerns one account; stopping here would stop all of them
			a.o.Logger.Error("accounts: entry cannot be read", slog.Int64("seq", int64(e.Seq)), slog.String("did", e.DID.String()), slog.Any("error", err))
		}
		switch f := frame.(type) {
		case sequencing.IdentityFrame:
			handle, named = f.Handle.Normalize(), f.Handle != ""
		case sequencing.AccountFrame:
			if status == sequencing.StatusNone && f.Active {
				status = sequencing.StatusActive
			} else if status == sequencing.StatusNone {
				status = f.Status
			}
		}
	}
	b.touch(e.DID)
	if status == sequencing.StatusDeleted {
		return b.DeleteActor(e.DID)
	}
	known, err := a.known(ctx, b, e)
	if err != nil || !known {
		return err
	}
	if status != sequencing.StatusNone {
		if err := a.applyStatus(b, e, status); err != nil {
			return err
		}
	}
	if !named {
		return nil
	}
	return b.takeHandle(e.DID, handle)
}

// applyStatus records a status and, where the entry tells them, its reasons. A
// takedown ends every session in the same step.
func (a *Accounts) applyStatus(b *batch, e sequencing.Event, status sequencing.Status) error {
	standing, told, err := sequencing.StandingOf(e)
	if err != nil {
		a.o.Logger.Error("accounts: entry cannot be read", slog.Int64("seq", int64(e.Seq)), slog.String("did", e.DID.String()), slog.Any("error", err))
	}
	if suspendedOrTakendown(status) {
		if err := errors.Join(b.DeleteRefreshTokens(e.DID), b.DeleteAppSessions(e.DID)); err != nil {
			return err
		}
	}
	if !told || standing.Status() != status {
		return b.SetStatus(e.DID, accountdb.Status(status), e.Time)
	}
	return b.SetStanding(accountdb.Actor{
		DID: e.DID, Status: accountdb.Status(status),
		TakedownRef: standing.Takedown, DeactivatedAt: standing.Deactivated, DeleteAfter: standing.DeleteAfter,
	})
}

// known makes sure that there is a row for the account of an entry. False: the
// account has been deleted since, and a later entry says so.
func (a *Accounts) known(ctx context.Context, b *batch, e sequencing.Event) (bool, error) {
	if _, found, err := b.Actor(e.DID); err != nil || found {
		return found, err
	}
	head, exists, err := a.o.Log.Head(ctx, e.DID)
	if err != nil || !exists || head.Status == sequencing.StatusDeleted || !head.Status.Valid() {
		return false, err
	}
	row := accountdb.Actor{DID: e.DID, CreatedAt: head.CreatedAt, Status: accountdb.Status(head.Status), Locked: true}
	switch row.Status {
	case accountdb.Deactivated:
		row.DeactivatedAt = e.Time
	case accountdb.Takendown:
		row.TakedownRef = "log"
	}
	return true, b.InsertActor(row)
}

// takeHandle gives a handle to an account and takes it from whoever has it.
func (b *batch) takeHandle(did syntax.DID, h syntax.Handle) error {
	if h == syntax.HandleInvalid {
		h = ""
	}
	if h != "" {
		owner, taken, err := b.ActorByHandle(h)
		if err != nil {
			return err
		}
		if taken && owner.DID != did {
			b.touch(owner.DID)
		}
	}
	return b.SetHandle(did, h)
}
