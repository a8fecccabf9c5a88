package sequencing

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"troupe/storage/logdb"
	"troupe/storage/sqlite"
)

const (
	// checkpointBytes written to the WAL are copied back at once. Fewer, larger
	// checkpoints copy a head row that changes all the time only once.
	checkpointBytes = 24 << 20
	// walLimit: readers that follow each other without a pause keep the WAL from
	// starting over. From this size on they are held back for a moment.
	walLimit = 192 << 20
)

// copyBack begins a checkpoint. Thousands of pages are copied and synced by a
// goroutine with a handle of its own while appends go on; what they add
// meanwhile is a few pages, which the committer then copies itself. Only at such
// a moment, with nothing left to copy, can the WAL start over, and a file that
// is written over again and again needs no change of its size to be synced.
func (c *committer) copyBack() {
	c.copying, c.walBytes = true, 0
	c.beside.Add(1)
	go func() {
		defer c.beside.Done()
		err := c.copy()
		// A log that is being closed takes no job; its WAL stays as it is.
		_ = c.log.queue.putJob(func(c *committer) {
			c.copying = false
			if errors.Is(err, sqlite.ErrSync) || errors.Is(err, errPanicked) {
				c.fatal(err) // this file's pages may be gone, whichever handle asked
				return
			}
			// Other errors show themselves again here.
			c.checkpoint()
		})
	}()
}

// errPanicked: the copying goroutine panicked.
var errPanicked = errors.New("panic while the WAL was copied back")

// copy runs beside the committer.
func (c *committer) copy() (err error) {
	defer func() {
		if p := recover(); p != nil {
			c.logger.Error("copying the event log's WAL back panicked", "panic", p, "stack", string(debug.Stack()))
			c.copier, err = nil, fmt.Errorf("%w: %v", errPanicked, p)
		}
	}()
	ctx := context.Background()
	if c.copier == nil {
		copier, err := logdb.OpenCopier(ctx, c.path, c.options.VFS)
		if err != nil {
			return err
		}
		c.copier = copier
	}
	err = c.copier.Copy(ctx)
	if err != nil {
		_ = c.copier.Close()
		c.copier = nil // the next one starts with a fresh connection
	}
	return err
}

// checkpoint copies what is left and holds up the appends for as long.
func (c *committer) checkpoint() {
	if c.failed != nil {
		return
	}
	start := time.Now()
	c.walBytes = 0
	ctx := context.Background()
	err := c.db.Checkpoint(ctx, false)
	if err == nil && c.db.WALSize() > walLimit {
		c.log.views.pause(func() { err = c.db.Checkpoint(ctx, true) })
	}
	checkpointSeconds.Observe(time.Since(start).Seconds())
	switch {
	case err == nil:
	case errors.Is(err, sqlite.ErrSync):
		c.fatal(err)
	default:
		// Nothing is lost: every commit is in the WAL. A disk that is full or
		// broken shows itself to the next commit.
		c.logger.Warn("checkpoint of the event log failed", "error", err)
	}
}
