package account

import (
	"context"
	"log/slog"
	"time"

	"troupe/actors/mailbox"
	"troupe/sequencing"
)

// Options of the accounts actor. Zero values mean the defaults in parentheses.
type Options struct {
	Path   string           // account.sqlite; its directory exists
	Log    sequencing.Log   // where handle and status changes come from (none)
	Index  *Index           // published into; made by NewIndex
	Now    func() time.Time // (time.Now)
	Tick   time.Duration    // how often the log is looked at unasked (1 s)
	VFS    string           // SQLite VFS; fault injection plugs in here ("": ours)
	Logger *slog.Logger     // (slog.Default)
}

// Accounts owns account.sqlite.
type Accounts struct {
	o    Options
	self mailbox.Self
}

// Spawn starts the accounts actor: file open, index complete and caught up with the log.
func Spawn(s *mailbox.System, o Options) (*mailbox.Handle[*Accounts], error) {
	return mailbox.Spawn(s, "accounts", 4096, func(self mailbox.Self) *Accounts { return &Accounts{o: o, self: self} })
}

func (a *Accounts) Start(ctx context.Context) error { panic("skeleton") }
func (a *Accounts) Receive(t *mailbox.Turn)         { panic("skeleton") }
func (a *Accounts) Stop(why mailbox.Reason)         { panic("skeleton") }
