package sequencing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/hashicorp/golang-lru/v2/simplelru"

	"troupe/storage/logdb"
	"troupe/storage/sqlite"
)

// committer is the only writer of the log. It takes what queued while the last
// fsync ran and commits it with the next one: a lone writer pays one fsync, a
// thousand share it, and no timer decides which.
//
// Everything in it is owned by the goroutine of run.
type committer struct {
	log     *SQLiteLog
	db      *logdb.DB
	path    string
	options LogOptions
	logger  *slog.Logger

	numbers  *numbers
	lastHead int64                                   // highest head id in the file
	heads    *simplelru.LRU[syntax.DID, *cachedHead] // rows as they stand in the file
	batch    batch                                   // scratch, reused

	unanswered []*request // of the running batch, for abandon
	walBytes   int        // written since the last checkpoint, estimated
	copying    bool       // a goroutine copies the WAL back
	busyTold   time.Time  // last warning about a locked file
	failed     error      // why the log has stopped, or nil

	beside sync.WaitGroup // the copying goroutine
	copier *logdb.Copier  // owned by that goroutine while there is one; nil before the first
}

// cachedHead is a head with its name inside the file. It is never changed once
// it is in the cache.
type cachedHead struct {
	id int64
	Head
}

func newCommitter(ctx context.Context, db *logdb.DB, path string, o LogOptions) (*committer, error) {
	c := &committer{db: db, path: path, options: o, logger: o.Logger}
	var err error
	if c.heads, err = simplelru.NewLRU[syntax.DID, *cachedHead](o.HeadCache, nil); err != nil {
		return nil, err
	}
	var logged int64
	ceiling := logdb.CeilingPath(path)
	_, hasCeiling, err := logdb.ReadCeiling(ceiling)
	if err != nil {
		return nil, err
	}
	err = db.Read(ctx, func(r *logdb.Reader) (err error) {
		if c.lastHead, err = r.LastHead(); err != nil {
			return err
		}
		if logged, err = r.Last(); err != nil {
			return err
		}
		if !hasCeiling || logged == 0 {
			// The newest rows may be pruned; without a ceiling only the heads
			// remember their numbers.
			var ofHeads int64
			ofHeads, err = r.LastOfHeads()
			logged = max(logged, ofHeads)
		}
		return err
	})
	if err != nil {
		return nil, readError("open", err)
	}
	var lost bool
	if c.numbers, lost, err = openNumbers(ceiling, Seq(logged), o.Restored); err != nil {
		return nil, err
	}
	if lost {
		c.logger.Warn("the ceiling file of the event log is missing; a block of numbers is skipped", "path", ceiling, "next", int64(c.numbers.next))
	}
	c.batch.changed = make(map[syntax.DID]*pendingHead)
	// What earlier processes left there is copied back too, however soon each of
	// them died: a long WAL needs a long index before it can be opened, and a
	// disk that is full has no room for one.
	c.walBytes = int(db.WALSize())
	return c, nil
}

func (c *committer) run() {
	defer func() {
		c.numbers.close()
		c.beside.Wait()
		if c.copier != nil {
			_ = c.copier.Close()
		}
		_ = c.db.Close()
		close(c.log.ended)
	}()
	var requests []*request
	for {
		var j job
		var ok bool
		requests, j, ok = c.log.queue.take(requests[:0])
		if !ok {
			return
		}
		c.round(requests, j)
		clear(requests)
	}
}

// round is one batch and one job. A panic in it ends the process like any other
// error of a commit: whether it came before or after the fsync, what this
// goroutine keeps in memory may not agree with the file any more, and whoever
// panicked in a callback has state that nobody will ever put right.
func (c *committer) round(requests []*request, j job) {
	defer func() {
		if p := recover(); p != nil {
			c.logger.Error("the event log's committer panicked", "panic", p, "stack", string(debug.Stack()))
			c.abandon(c.fatal(fmt.Errorf("panic: %v", p)))
		}
	}()
	if len(requests) > 0 {
		c.commit(requests)
	}
	if j != nil {
		j(c)
	}
	c.rest()
}

// abandon answers those whom the panic left waiting, if there is still a
// process to answer in.
func (c *committer) abandon(err error) {
	left := c.unanswered
	c.unanswered = nil
	for _, r := range left {
		r.done(Committed{}, err)
	}
}

// rest does what must not stand between a commit and its answers.
func (c *committer) rest() {
	if err := c.numbers.ahead(); err != nil {
		// The block in use is not spent yet. The batch that finds it spent
		// tries again and decides what the error means.
		c.logger.Warn("cannot reserve numbers ahead", "error", err)
	}
	if c.walBytes >= checkpointBytes && !c.copying {
		c.copyBack()
	}
}

// transact runs fn in one durable transaction and sorts its errors: nil;
// ErrFull, nothing kept; an error of fn, nothing kept; ErrClosed, the disk
// failed and the log has stopped.
func (c *committer) transact(fn func(*logdb.Tx) error) error {
	for {
		if c.failed != nil {
			return c.failed
		}
		err := c.db.Transact(context.Background(), fn)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errNothing):
			return errNothing
		case errors.Is(err, sqlite.ErrFull) && !errors.Is(err, sqlite.ErrSync):
			return fmt.Errorf("%w: %w", ErrFull, err)
		case errors.Is(err, sqlite.ErrBusy):
			// Somebody holds the file with a tool of his own. Nothing was
			// written, and it will end.
			if time.Since(c.busyTold) > time.Minute {
				c.busyTold = time.Now()
				c.logger.Warn("another process holds a lock on the event log; waiting", "error", err)
			}
			time.Sleep(10 * time.Millisecond)
		default:
			return c.fatal(err)
		}
	}
}

// errNothing ends a transaction that has nothing to write.
var errNothing = errors.New("nothing to write")

// fatal: after a failed fsync the kernel may have dropped pages that it reports
// as written, and after a failed commit only the file knows. Neither can be
// answered; the process ends and the next start reads what is there.
func (c *committer) fatal(err error) error {
	if c.failed != nil {
		return c.failed
	}
	c.options.Fatal(err)
	c.failed = fmt.Errorf("%w: %w", ErrClosed, err)
	c.log.queue.close(c.failed)
	return c.failed
}
