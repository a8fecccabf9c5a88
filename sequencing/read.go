package sequencing

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/logdb"
)

// Head implements Log.
func (l *SQLiteLog) Head(ctx context.Context, did syntax.DID) (head Head, exists bool, err error) {
	err = l.views.read(ctx, func(r *logdb.Reader) error {
		row, found, err := r.Head(did)
		if found {
			head, exists = headFromRow(&row), true
		}
		return err
	})
	return head, exists, readError("head", err)
}

// Heads implements Log.
func (l *SQLiteLog) Heads(ctx context.Context, after HeadCursor, limit int) (heads []Head, err error) {
	created := int64(-1 << 63)
	if !after.CreatedAt.IsZero() {
		created = after.CreatedAt.UnixMicro()
	}
	err = l.views.read(ctx, func(r *logdb.Reader) error {
		rows, err := r.Heads(created, after.DID, limit)
		heads = headsFromRows(rows)
		return err
	})
	return heads, readError("heads", err)
}

// Holders implements Log.
func (l *SQLiteLog) Holders(ctx context.Context, collection syntax.NSID, after HolderCursor, limit int) (holders []Holder, err error) {
	err = l.views.read(ctx, func(r *logdb.Reader) error {
		rows, err := r.Holders(collection, int64(after), limit)
		holders = make([]Holder, len(rows))
		for i, row := range rows {
			holders[i] = Holder{row.DID, HolderCursor(row.Account)}
		}
		return err
	})
	return holders, readError("holders", err)
}

// Behind implements Log.
func (l *SQLiteLog) Behind(ctx context.Context, after syntax.DID, limit int) (heads []Head, err error) {
	err = l.views.read(ctx, func(r *logdb.Reader) error {
		rows, err := r.Behind(after, limit)
		heads = headsFromRows(rows)
		return err
	})
	return heads, readError("behind", err)
}

// Earliest implements Log. With clocks that ran wrong, times do not rise with
// numbers; it is then the number of the smallest time.
func (l *SQLiteLog) Earliest(ctx context.Context, since time.Time) (seq Seq, found bool, err error) {
	err = l.views.read(ctx, func(r *logdb.Reader) error {
		n, ok, err := r.Earliest(since.UnixMicro())
		seq, found = Seq(n), ok
		return err
	})
	return seq, found, readError("earliest", err)
}

// errPage ends a walk whose page is full.
var errPage = errors.New("page full")

// Events implements Log. It never returns what is committed but not yet
// announced by Last, so a number that a subscriber got from here is never above
// Last.
func (l *SQLiteLog) Events(ctx context.Context, after Seq, limit int, maxBytes int) (events []Event, err error) {
	upTo := l.Last()
	err = l.views.read(ctx, func(r *logdb.Reader) error {
		bytes := 0
		return r.Public(int64(after), int64(upTo), limit, func(e *logdb.Entry) error {
			if len(events) > 0 && bytes+len(e.Frame) > maxBytes {
				return errPage
			}
			bytes += len(e.Frame)
			events = append(events, publicEvent(e))
			return nil
		})
	})
	if err == errPage {
		err = nil
	}
	// Rows in front of a damaged one are good. The next call begins at the
	// damaged one and says so.
	if len(events) > 0 && errors.Is(err, logdb.ErrChecksum) {
		err = nil
	}
	return events, readError("events", err)
}

// A page of a replay: what is held in memory while the caller works on it.
const (
	replayRows  = 256
	replayBytes = 4 << 20
)

// Replay implements Log.
func (l *SQLiteLog) Replay(ctx context.Context, did syntax.DID, after Seq, fn func(Event) error) error {
	var account int64
	err := l.views.read(ctx, func(r *logdb.Reader) error {
		row, found, err := r.Head(did)
		if found {
			account = row.ID
		}
		return err
	})
	if err != nil || account == 0 {
		return readError("replay", err)
	}
	return l.replay(ctx, after, fn, func(r *logdb.Reader, after int64, add func(*logdb.Entry) error) error {
		return r.OfAccount(account, after, replayRows, add)
	})
}

// ReplayKinds implements Log. Identity and account entries have an index;
// other kinds are found by walking the whole log.
func (l *SQLiteLog) ReplayKinds(ctx context.Context, after Seq, kinds []Kind, fn func(Event) error) error {
	walk := (*logdb.Reader).Accounts
	for _, k := range kinds {
		if k != KindIdentity && k != KindAccount {
			walk = (*logdb.Reader).All
		}
	}
	wanted := func(ev Event) error {
		if !slices.Contains(kinds, ev.Kind) {
			return nil
		}
		return fn(ev)
	}
	return l.replay(ctx, after, wanted, func(r *logdb.Reader, after int64, add func(*logdb.Entry) error) error {
		return walk(r, after, replayRows, add)
	})
}

// replay reads a page, gives the connection back, and hands the page out: fn
// may take as long as it likes.
func (l *SQLiteLog) replay(ctx context.Context, after Seq, fn func(Event) error,
	walk func(*logdb.Reader, int64, func(*logdb.Entry) error) error) error {
	var page []Event
	for {
		clear(page)
		page = page[:0]
		bytes := 0
		err := l.views.read(ctx, func(r *logdb.Reader) error {
			return walk(r, int64(after), func(e *logdb.Entry) error {
				if bytes += len(e.Frame) + len(e.Effects); len(page) > 0 && bytes > replayBytes {
					return errPage
				}
				ev, err := replayEvent(e)
				if err == nil {
					page = append(page, ev)
				}
				return err
			})
		})
		// Rows in front of a damaged one are good and are handed out first.
		if err != nil && err != errPage && len(page) == 0 {
			return readError("replay", err)
		}
		if len(page) == 0 {
			return nil
		}
		for _, ev := range page {
			if err := fn(ev); err != nil {
				return err
			}
		}
		after = page[len(page)-1].Seq
	}
}
