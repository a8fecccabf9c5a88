package fsck

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"troupe/sequencing"
	"troupe/storage/accountdb"
	"troupe/storage/keys"
	"troupe/storage/logdb"
)

const headPage = 256

// subject is one account on its way to a worker.
type subject struct {
	head  logdb.Head
	actor accountdb.Actor
	known bool // there is an actor row
	rows  bool // actor rows could be read
}

// eachAccount hands every head to a worker.
func (c *check) eachAccount(ctx context.Context, log *logdb.View) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	todo := make(chan subject)
	var wg sync.WaitGroup
	for range c.Workers {
		wg.Go(func() {
			if err := c.work(ctx, todo); err != nil {
				cancel(err)
			}
		})
	}
	err := c.dispatch(ctx, log, todo)
	close(todo)
	wg.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// work looks at accounts over a connection of its own.
func (c *check) work(ctx context.Context, todo <-chan subject) error {
	log, err := logdb.OpenView(ctx, c.Sequencer, "")
	if err != nil {
		return err
	}
	defer log.Close()
	for s := range todo {
		a := &account{check: c, subject: s, dir: keys.ActorDir(c.Actors, s.head.DID)}
		if err := a.run(ctx, log); err != nil {
			return fmt.Errorf("%s: %w", s.head.DID, err)
		}
	}
	return nil
}

// dispatch reads the heads page by page, and the account rows beside them.
func (c *check) dispatch(ctx context.Context, log *logdb.View, todo chan<- subject) error {
	if c.DID != "" {
		return c.dispatchOne(ctx, log, todo)
	}
	about, done := int64(0), int64(0)
	at := logdb.Head{CreatedAt: -1 << 63}
	for {
		var page []logdb.Head
		err := log.Read(ctx, func(r *logdb.Reader) (err error) {
			if about == 0 {
				if about, err = r.LastHead(); err != nil {
					return err
				}
			}
			page, err = r.Heads(at.CreatedAt, at.DID, headPage)
			return err
		})
		if damaged(err) && ctx.Err() == nil {
			return nil // the log's own check has said so
		}
		if err != nil || len(page) == 0 {
			return err
		}
		at = page[len(page)-1]
		subjects, err := c.withRows(ctx, page)
		if err != nil {
			return err
		}
		for _, s := range subjects {
			select {
			case todo <- s:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			if done++; c.Progress != nil {
				c.Progress(done, about)
			}
		}
	}
}

func (c *check) dispatchOne(ctx context.Context, log *logdb.View, todo chan<- subject) error {
	var head logdb.Head
	var found bool
	err := log.Read(ctx, func(r *logdb.Reader) (err error) {
		if head, found, err = r.Head(c.DID); err != nil || !found {
			return err
		}
		violations, err := r.CheckAccount(head, 1<<62)
		c.violations(violations)
		return err
	})
	if err != nil {
		return err
	}
	one := logdb.Head{DID: c.DID}
	if found {
		one = head
	}
	subjects, err := c.withRows(ctx, []logdb.Head{one})
	switch {
	case err != nil:
		return err
	case found:
		select {
		case todo <- subjects[0]:
		case <-ctx.Done():
		}
		return nil
	case subjects[0].known && !c.stories[c.DID]:
		c.bad(RuleIndex, c.of(c.DID, c.Accounts), "the log knows no such account")
		return nil
	case c.stories[c.DID] || folderExists(keys.ActorDir(c.Actors, c.DID)):
		return nil // what there is to say, folders says
	}
	return fmt.Errorf("%w: %s", ErrNoAccount, c.DID)
}

// withRows reads the account rows of a page of heads.
func (c *check) withRows(ctx context.Context, page []logdb.Head) ([]subject, error) {
	all := make([]subject, len(page))
	for i, h := range page {
		all[i].head, all[i].rows = h, c.accounts != nil
		if name := filepath.Base(keys.ActorDir(c.Actors, h.DID)); !strings.HasPrefix(name, "did:") {
			c.hashed[name] = h.DID
		}
	}
	if c.accounts == nil {
		return all, nil
	}
	err := c.accounts.Read(ctx, func(r *accountdb.Reader) (err error) {
		for i := range all {
			if all[i].actor, all[i].known, err = r.Actor(all[i].head.DID); err != nil {
				return err
			}
		}
		return nil
	})
	if damaged(err) && ctx.Err() == nil {
		for i := range all {
			all[i].rows = false
		}
		if c.DID == "" {
			return all, nil // its own check has said so
		}
		c.bad(RuleIndex, c.at(c.Accounts), "%v", err)
		err = nil
	}
	return all, err
}

// account is one account under examination. It belongs to one worker.
type account struct {
	*check
	subject
	dir    string
	keys   []keys.Held
	file   file
	events history
	lost   bool // entries cannot be read, or contradict each other: there is nothing to compare with
}

func (a *account) run(ctx context.Context, log *logdb.View) error {
	a.lost = a.broken[a.head.DID]
	alive := sequencing.Status(a.head.Status) != sequencing.StatusDeleted
	defer a.file.close()
	if alive {
		if err := a.readKeys(); err != nil {
			return err
		}
		if err := a.readFile(ctx); err != nil {
			return err
		}
		if err := a.blobs(ctx); err != nil {
			return err
		}
	}
	if err := a.readLog(ctx, log); err != nil {
		return err
	}
	if a.rows && !a.lost {
		a.state(&a.head, a.actor, a.known, a.events.told)
	}
	if alive && !a.lost {
		a.compare()
	}
	if err := a.listed(ctx, log); err != nil {
		return err
	}
	a.count(func(s *Summary) {
		s.Accounts++
		s.Entries += a.events.entries
		s.Commits += a.events.commits
	})
	return nil
}

// place is where the account's file is.
func (a *account) place(name string, seq int64) Place {
	p := a.of(a.head.DID, filepath.Join(a.dir, name))
	p.Seq = sequencing.Seq(seq)
	return p
}

// logged is a place in the log.
func (a *account) logged(seq int64) Place {
	p := a.of(a.head.DID, a.Sequencer)
	p.Seq = sequencing.Seq(seq)
	return p
}

// signer is the key that the account signs with.
func (a *account) signer() (k keys.Held, usable bool) {
	for _, k := range a.keys {
		if k.Signs() {
			return k, k.Err == nil
		}
	}
	return keys.Held{}, false
}
