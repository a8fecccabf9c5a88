package fsck

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/sequencing"
	"troupe/storage/accountdb"
	"troupe/storage/diddb"
	"troupe/storage/lexdb"
	"troupe/storage/logdb"
	"troupe/storage/sqlite"
)

// openIndex opens account.sqlite and reads what the other rules need of it.
func (c *check) openIndex(ctx context.Context, log *logdb.View) error {
	var heads int64
	err := log.Read(ctx, func(r *logdb.Reader) (err error) {
		heads, err = r.LastHead()
		return err
	})
	if err != nil && (!damaged(err) || ctx.Err() != nil) {
		return err
	}
	if _, err := os.Stat(c.Accounts); errors.Is(err, fs.ErrNotExist) {
		if heads > 0 { // else it has yet to be made
			c.bad(RuleIndex, c.at(c.Accounts), "the file is gone")
		}
		return nil
	}
	c.traces.watch(c.Accounts)
	db, err := accountdb.Open(ctx, c.Accounts, accountdb.Options{ReadOnly: true})
	if err == nil {
		err = db.Read(ctx, func(r *accountdb.Reader) (err error) {
			if c.applied, err = r.Applied(); err != nil {
				return err
			}
			return r.UnderWay(func(did syntax.DID) { c.stories[did] = true })
		})
		if err != nil {
			_ = db.Close()
		}
	}
	switch {
	case errors.Is(err, sqlite.ErrUnmade): // killed at its first start
		if heads > 0 {
			c.bad(RuleIndex, c.at(c.Accounts), "the file is empty, and the log has %d accounts", heads)
		}
		return nil
	case damaged(err):
		c.bad(RuleIndex, c.at(c.Accounts), "%v", err)
		return nil
	case err == nil:
		c.accounts = db
	}
	return err
}

// index checks account.sqlite against itself, and its accounts against the
// heads. The way back, from heads to accounts, is eachAccount's.
func (c *check) index(ctx context.Context, log *logdb.View) error {
	if c.accounts == nil {
		return nil
	}
	torn := false
	err := c.accounts.Read(ctx, func(r *accountdb.Reader) error {
		problems, err := r.Check()
		if len(problems) > 0 && problems[0].Rule == accountdb.OwnCheck {
			torn = true
			c.bad(RuleIndex, c.at(c.Accounts), "%s", problems[0])
			return nil // what follows would only repeat it
		}
		for _, p := range problems {
			c.bad(RuleIndex, c.at(c.Accounts), "%s", p)
		}
		if err != nil || c.torn {
			return err
		}
		return log.Read(ctx, func(heads *logdb.Reader) error {
			if err := c.followed(heads); err != nil {
				return err
			}
			return c.headless(r, heads)
		})
	})
	if damaged(err) && ctx.Err() == nil {
		if !torn {
			c.bad(RuleIndex, c.at(c.Accounts), "%v", err)
		}
		return nil
	}
	return err
}

// followed compares the number that account.sqlite has applied with the log:
// entries below the log's mark may be gone, so the mark must not be above what
// was applied, and nothing can have been applied that was never written.
func (c *check) followed(log *logdb.Reader) error {
	mark, err := log.AccountsApplied()
	if err != nil {
		return err
	}
	if mark > c.applied {
		c.bad(RuleMark, c.at(c.Accounts), "it has applied identities and states up to entry %d, the log believes up to %d", c.applied, mark)
	}
	rows, err := log.Last()
	if err != nil {
		return err
	}
	heads, err := log.LastOfHeads()
	if err != nil {
		return err
	}
	if last := max(rows, heads); c.applied > last {
		p := c.at(c.Accounts)
		p.Seq = sequencing.Seq(c.applied)
		c.bad(RuleAhead, p, "it has applied up to entry %d, the log ends at %d", c.applied, last)
	}
	return nil
}

// headless looks for accounts that the log does not know.
func (c *check) headless(accounts *accountdb.Reader, log *logdb.Reader) error {
	var failed error
	err := accounts.Actors(func(a accountdb.Actor) {
		if failed != nil || c.stories[a.DID] {
			return // a sign-up makes the row before the head
		}
		_, found, err := log.Head(a.DID)
		if err != nil {
			failed = err
		} else if !found {
			c.bad(RuleIndex, c.of(a.DID, c.Accounts), "the log knows no such account")
		}
	})
	return errors.Join(err, failed)
}

// state compares an account's row with its head. told is the newest identity or
// account entry of the DID that the log still has: above what account.sqlite has
// applied, the row is allowed to lag.
func (c *check) state(h *logdb.Head, a accountdb.Actor, known bool, told int64) {
	if c.stories[h.DID] || told > c.applied {
		return
	}
	status := sequencing.Status(h.Status)
	p := c.of(h.DID, c.Accounts)
	p.Seq = sequencing.Seq(h.Seq)
	switch deleted := status == sequencing.StatusDeleted; {
	case deleted && known:
		c.bad(RuleIndex, p, "the log has the account deleted")
	case !deleted && !known:
		c.bad(RuleIndex, p, "there is no row of the account, the log has it %s", status)
	case !deleted && sequencing.Status(a.Status) != status:
		c.bad(RuleIndex, p, "the account is %s, the log has it %s", sequencing.Status(a.Status), status)
	}
}

// caches checks the files that may be deleted at any time.
func (c *check) caches(ctx context.Context) error {
	err := cache(ctx, c, c.DIDCache, func() (*diddb.DB, error) { return diddb.Open(ctx, c.DIDCache, diddb.Options{ReadOnly: true}) })
	if err != nil {
		return err
	}
	return cache(ctx, c, c.LexiconCache, func() (*lexdb.DB, error) { return lexdb.Open(ctx, c.LexiconCache, lexdb.Options{ReadOnly: true}) })
}

// cache checks one of them. It may be missing.
func cache[DB interface {
	Check(context.Context) ([]P, error)
	Close() error
}, P fmt.Stringer](ctx context.Context, c *check, path string, open func() (DB, error)) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	c.traces.watch(path)
	db, err := open()
	if err == nil {
		defer db.Close()
		var problems []P
		problems, err = db.Check(ctx)
		for _, p := range problems {
			c.bad(RuleCache, c.at(path), "%s (the file may be deleted)", p)
		}
	}
	switch {
	case errors.Is(err, sqlite.ErrUnmade):
	case damaged(err):
		c.bad(RuleCache, c.at(path), "%v (the file may be deleted)", err)
	case err != nil && ctx.Err() == nil:
		c.unseen(c.at(path), err)
	default:
		return err
	}
	return nil
}

// of is the place of a file that has a part about an account.
func (c *check) of(did syntax.DID, path string) Place {
	p := c.at(path)
	p.DID = did
	return p
}
