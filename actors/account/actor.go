package account

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
	"troupe/sequencing"
	"troupe/storage/accountdb"
	"troupe/storage/keys"
)

// Options of the accounts actor. Zero values mean the defaults in parentheses.
type Options struct {
	Path   string           // account.sqlite; its directory exists
	Log    sequencing.Log   // where handle and status changes come from (none)
	Index  *Index           // published into; made by NewIndex
	Now    func() time.Time // (time.Now)
	Tick   time.Duration    // how often the log is looked at unasked (1 s)
	Grants *Grants          // told of what is not in force any more (nobody)
	Vault  *keys.Vault      // seals the secrets of authenticator apps (none: no app can be added)
	Mailed func()           // called after mail was queued; must not block (nobody)
	VFS    string           // SQLite VFS; fault injection plugs in here ("": ours)
	Logger *slog.Logger     // (slog.Default)

	probe func(m any) // tests: called before a write is decided
}

// admitted bounds the requests that wait for the actor.
const admitted = 4096

// Accounts owns account.sqlite.
type Accounts struct {
	o    Options
	self mailbox.Self

	// owned by the turn
	state
	ended chan struct{} // stops the ticker
}

// Spawn starts the accounts actor. When it returns, the index is complete and
// agrees with the log.
func Spawn(s *mailbox.System, o Options) (*mailbox.Handle[*Accounts], error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Tick == 0 {
		o.Tick = time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return mailbox.Spawn(s, "accounts", admitted, func(self mailbox.Self) *Accounts {
		return &Accounts{o: o, self: self}
	})
}

// Start implements mailbox.Actor.
func (a *Accounts) Start(ctx context.Context) (err error) {
	if a.db, err = accountdb.Open(ctx, a.o.Path, accountdb.Options{VFS: a.o.VFS}); err != nil {
		return err
	}
	var all []Account
	err = a.db.Read(ctx, func(r *accountdb.Reader) error {
		applied, err := r.Applied()
		a.applied = sequencing.Seq(applied)
		if err != nil {
			return err
		}
		return r.Actors(func(row accountdb.Actor) { all = append(all, published(row)) })
	})
	if err != nil {
		return fmt.Errorf("account: read all accounts: %w", err)
	}
	a.o.Index.reset(all)
	if err := a.catchUp(ctx); err != nil {
		return err
	}
	a.ended = make(chan struct{})
	if a.o.Log != nil {
		go a.tick(a.ended)
	}
	return nil
}

// tick looks at the log now and then: what moved a handle or a status may have
// died before it asked for CatchUp.
func (a *Accounts) tick(ended <-chan struct{}) {
	t := time.NewTicker(a.o.Tick)
	defer t.Stop()
	for {
		select {
		case <-ended:
			return
		case <-t.C:
			a.self.Run(func() {
				if err := a.catchUp(context.Background()); err != nil {
					a.o.Logger.Error("accounts: cannot follow the log", slog.Any("error", err))
				}
			})
		}
	}
}

// Receive implements mailbox.Actor.
func (a *Accounts) Receive(t *mailbox.Turn) {
	switch m := t.Message().(type) {
	case ReserveSignup:
		mailbox.Later(a, t, m, write(a, reserveSignup))
	case ReserveHandle:
		mailbox.Later(a, t, m, write(a, reserveHandle))
	case InsertAccount:
		mailbox.Later(a, t, m, a.insertAccount)
	case BeginSaga:
		mailbox.Later(a, t, m, write(a, beginSaga))
	case FindStanding:
		mailbox.Reply(a, t, m, a.findStanding)
	case ListOverdue:
		mailbox.Reply(a, t, m, a.listOverdue)
	case SaveSaga:
		mailbox.Later(a, t, m, write(a, saveSaga))
	case EndSaga:
		mailbox.Later(a, t, m, write(a, endSaga))
	case FindSaga:
		mailbox.Reply(a, t, m, a.findSaga)
	case ListSagas:
		mailbox.Reply(a, t, m, a.listSagas)
	case OpenSession:
		mailbox.Later(a, t, m, write(a, openSession))
	case RotateSession:
		mailbox.Later(a, t, m, write(a, rotateSession))
	case CloseSession:
		mailbox.Later(a, t, m, write(a, closeSession))
	case CloseSessions:
		mailbox.Later(a, t, m, write(a, closeSessions))
	case UpgradePassword:
		mailbox.Later(a, t, m, write(a, upgradePassword))
	case CreateAppPassword:
		mailbox.Later(a, t, m, write(a, createAppPassword))
	case RevokeAppPassword:
		mailbox.Later(a, t, m, write(a, revokeAppPassword))
	case Admit:
		mailbox.Later(a, t, m, write(a, admit))
	case CreateInvites:
		mailbox.Later(a, t, m, write(a, createInvites))
	case EarnInvites:
		mailbox.Later(a, t, m, write(a, earnInvites))
	case DisableInvites:
		mailbox.Later(a, t, m, write(a, disableInvites))
	case AllowInvites:
		mailbox.Later(a, t, m, write(a, allowInvites))
	case IssueToken:
		mailbox.Later(a, t, m, write(a, issueToken))
	case UseToken:
		mailbox.Later(a, t, m, write(a, useToken))
	case SetPassword:
		mailbox.Later(a, t, m, write(a, setPassword))
	case SetEmail:
		mailbox.Later(a, t, m, write(a, setEmail))
	case ConfirmEmail:
		mailbox.Later(a, t, m, write(a, confirmEmail))
	case UpdateEmail:
		mailbox.Later(a, t, m, write(a, updateEmail))
	case ResetPassword:
		mailbox.Later(a, t, m, write(a, resetPassword))
	case EnrolTOTP:
		mailbox.Later(a, t, m, write(a, a.enrolTOTP))
	case ConfirmTOTP:
		mailbox.Later(a, t, m, write(a, a.confirmTOTP))
	case RenewRecoveryCodes:
		mailbox.Later(a, t, m, write(a, a.renewRecoveryCodes))
	case DisableTOTP:
		mailbox.Later(a, t, m, write(a, a.disableTOTP))
	case RemoveFactors:
		mailbox.Later(a, t, m, write(a, removeFactors))
	case VerifyFactor:
		mailbox.Later(a, t, m, write(a, a.verifyFactor))
	case QueueMail:
		mailbox.Later(a, t, m, write(a, queueMail))
	case DueMail:
		mailbox.Reply(a, t, m, a.dueMail)
	case SettleMail:
		mailbox.Later(a, t, m, write(a, settleMail))
	case SweepExpired:
		mailbox.Later(a, t, m, write(a, sweepExpired))
	case NoteOperation:
		mailbox.Later(a, t, m, write(a, noteOperation))
	case CatchUp:
		mailbox.Reply(a, t, m, a.caughtUp)
	default:
		a.receiveOfApps(t)
	}
}

// Stop implements mailbox.Actor. Writes that still wait were not begun; their
// askers are answered by the mailbox.
func (a *Accounts) Stop(mailbox.Reason) {
	if a.ended != nil {
		close(a.ended)
	}
	if a.db != nil {
		if err := a.db.Close(); err != nil {
			a.o.Logger.Error("accounts: close", slog.Any("error", err))
		}
	}
}

func (a *Accounts) findSaga(ctx context.Context, m FindSaga) (s Saga, err error) {
	found := false
	err = a.db.Read(ctx, func(r *accountdb.Reader) error {
		s, found, err = r.Saga(m.ID)
		return err
	})
	if err == nil && !found {
		err = ErrNoSaga
	}
	return s, err
}

func (a *Accounts) listSagas(ctx context.Context, m ListSagas) (all []Saga, err error) {
	err = a.db.Read(ctx, func(r *accountdb.Reader) error {
		all, err = r.Sagas(m.Kind)
		return err
	})
	return all, err
}

func (a *Accounts) findStanding(ctx context.Context, m FindStanding) (s Standing, err error) {
	if err := a.catchUp(ctx); err != nil {
		return s, err
	}
	err = a.db.Read(ctx, func(r *accountdb.Reader) error {
		if s, err = standingOf(r, m.DID); err != nil {
			return err
		}
		s.Other, _, err = r.SagaOf(m.DID)
		return err
	})
	return s, err
}

func standingOf(r *accountdb.Reader, did syntax.DID) (Standing, error) {
	row, found, err := r.Actor(did)
	if err != nil || !found {
		return Standing{}, either(err, ErrNotFound)
	}
	return Standing{Account: published(row), Standing: sequencing.Standing{
		Takedown: row.TakedownRef, Deactivated: row.DeactivatedAt, DeleteAfter: row.DeleteAfter,
	}}, nil
}

func (a *Accounts) listOverdue(ctx context.Context, m ListOverdue) (all []syntax.DID, err error) {
	err = a.db.Read(ctx, func(r *accountdb.Reader) error {
		all, err = r.Overdue(a.o.Now(), m.Limit)
		return err
	})
	return all, err
}

// insertAccount looks at the log first: the end of an earlier account with this
// DID must not be applied to the new one.
func (a *Accounts) insertAccount(ctx context.Context, m InsertAccount, answer func(Account, error)) {
	if err := a.catchUp(ctx); err != nil {
		answer(Account{}, err)
		return
	}
	write(a, insertAccount)(ctx, m, answer)
}

func (a *Accounts) caughtUp(ctx context.Context, _ CatchUp) (sequencing.Seq, error) {
	err := a.catchUp(ctx)
	return a.applied, err
}
