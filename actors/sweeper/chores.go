package sweeper

import (
	"context"
	"errors"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// chore is a row of the list: what is done, when for the first time after the start,
// and how long after its end again.
type chore struct {
	name  Chore
	first time.Duration
	every time.Duration
	run   func(*work) error
}

// choresOf is the list. The first round over all accounts leaves a server that was just
// started in peace.
func choresOf(o *Options) (all []chore) {
	add := func(possible bool, c chore) {
		if possible {
			all = append(all, c)
		}
	}
	rows := o.Blobs != nil && o.SweepBlobs != nil && o.OrphanBlobs != nil
	add(rows, chore{Uploads, time.Hour, time.Hour, (*work).uploads})
	add(rows, chore{Blobs, 30 * time.Minute, 24 * time.Hour, (*work).blobs})
	add(rows && o.EachAccount != nil, chore{Everybody, 3 * time.Hour, 7 * 24 * time.Hour, (*work).everybody})
	add(o.SweepExpired != nil, chore{Rows, 10 * time.Minute, 6 * time.Hour, (*work).rows})
	add(o.TrimIdentities != nil, chore{Identities, 15 * time.Minute, 6 * time.Hour, (*work).identities})
	add(o.ListOverdue != nil && o.DeleteOverdue != nil, chore{Accounts, 20 * time.Minute, time.Hour, (*work).accounts})
	add(o.ListReleased != nil && o.Activate != nil, chore{Signups, 5 * time.Second, time.Minute, (*work).signups})
	add(o.SweepKeys != nil, chore{Keys, 25 * time.Minute, 24 * time.Hour, (*work).keys})
	add(o.Trash != "", chore{Trash, 5 * time.Minute, 24 * time.Hour, (*work).trash})
	return all
}

// work is one run of a chore. It belongs to the chore's goroutine until that ends.
type work struct {
	*Options
	ctx     context.Context
	removed Report
	ripe    []syntax.DID // accounts whose uploads have reached their lifetime
	failed  error        // the first account that could not be swept
}

// step bounds how long one owner is waited for.
const step = 30 * time.Second

func (w *work) count(k Kind, n int64) {
	if n > 0 {
		w.removed[k] += n
	}
}

// pause leaves the machine to others between two steps. It reports whether to go on.
func (w *work) pause() bool {
	select {
	case <-time.After(w.Pause):
		return true
	case <-w.ctx.Done():
		return false
	}
}

// passed takes an error that concerns one account: the round goes on without it.
func (w *work) passed(err error) {
	if w.failed == nil && w.ctx.Err() == nil {
		w.failed = err
	}
}

// outcome is what the whole run came to.
func (w *work) outcome() error { return errors.Join(w.failed, w.ctx.Err()) }
