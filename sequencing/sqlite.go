package sequencing

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"troupe/storage/logdb"
)

// LogOptions tunes a SQLiteLog. Zero values mean the defaults in parentheses.
type LogOptions struct {
	QueueBytes int              // bytes of appends that may be unanswered (32 MiB)
	Ring       *Ring            // committed public events are published here (none)
	Now        func() time.Time // wall clock of created_at, and of entries without a time (time.Now)
	Readers    int              // read connections (3)
	HeadCache  int              // head rows the committer keeps in memory (16,384, about 8 MB)
	Restored   bool             // the log was restored from a copy: skip one more block of numbers
	Logger     *slog.Logger     // (slog.Default)
	VFS        string           // SQLite VFS; fault injection plugs in here ("": ours)
	// Fatal is called when the disk of the log fails for any reason but lack of
	// space, and when the committer panics (log the error and exit 70, so that
	// the next start recovers from disk). If it returns, the log refuses everything with ErrClosed.
	Fatal func(error)
}

const exitDisk = 70 // EX_SOFTWARE: a supervisor restarts the process, and the start recovers

func (o LogOptions) withDefaults() LogOptions {
	if o.QueueBytes == 0 {
		o.QueueBytes = 32 << 20
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Readers == 0 {
		o.Readers = 3
	}
	if o.HeadCache == 0 {
		o.HeadCache = 16 << 10
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Fatal == nil {
		log := o.Logger
		o.Fatal = func(err error) {
			log.Error("the event log cannot be written; stopping, the next start recovers from disk", "error", err)
			os.Exit(exitDisk)
		}
	}
	return o
}

// SQLiteLog is the embedded Log: one SQLite file, one committer goroutine that
// alone writes it, and a few read-only connections.
type SQLiteLog struct {
	queue *queue
	views *views
	last  atomic.Int64  // highest number that is or may once have been in use
	ended chan struct{} // closed when the committer has ended

	closing sync.Once
}

var _ Log = (*SQLiteLog)(nil)

// OpenLog opens or creates the log at path; its directory must exist. One
// process may have a log open at a time: the data directory's lock sees to it.
// Errors are those of storage/sqlite and logdb.ErrCeiling.
func OpenLog(ctx context.Context, path string, o LogOptions) (*SQLiteLog, error) {
	o = o.withDefaults()
	db, err := logdb.Open(ctx, path, o.VFS)
	if err != nil {
		return nil, err
	}
	c, err := newCommitter(ctx, db, path, o)
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	l := &SQLiteLog{queue: newQueue(o.QueueBytes), views: newViews(path, o.VFS, o.Readers), ended: make(chan struct{})}
	l.last.Store(int64(c.numbers.next - 1))
	c.log = l
	if o.Ring != nil {
		o.Ring.start(Seq(l.last.Load()))
	}
	go c.run()
	return l, nil
}

// Append implements Log.
func (l *SQLiteLog) Append(a Append, done func(Committed, error)) {
	if err := a.validate(); err != nil {
		refusedTotal.WithLabelValues(reasonInvalid).Inc()
		done(Committed{}, err)
		return
	}
	r := &request{append: a, done: done, size: a.size()}
	switch err := l.queue.put(r); err {
	case nil:
		queueBytes.Add(float64(r.size))
	case ErrQueueFull:
		refusedTotal.WithLabelValues(reasonQueue).Inc()
		done(Committed{}, err)
	default:
		refusedTotal.WithLabelValues(reasonClosed).Inc()
		done(Committed{}, err)
	}
}

// Last implements Log.
func (l *SQLiteLog) Last() Seq { return Seq(l.last.Load()) }

// Close implements Log. What is queued is still committed and answered.
func (l *SQLiteLog) Close() error {
	l.closing.Do(func() {
		l.queue.close(ErrClosed)
		<-l.ended
		l.views.close()
	})
	return nil
}

// maintain runs fn on the committer, in a durable transaction, and waits for
// it. A caller that gives up does not stop it.
func (l *SQLiteLog) maintain(ctx context.Context, op string, fn func(*committer) error) error {
	result := make(chan error, 1)
	err := l.queue.putJob(func(c *committer) { result <- fn(c) })
	if err != nil {
		return err
	}
	select {
	case err = <-result:
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-l.ended:
		err = ErrClosed
	}
	if err != nil {
		return fmt.Errorf("sequencing: %s: %w", op, err)
	}
	return nil
}
