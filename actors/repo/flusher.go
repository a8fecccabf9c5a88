package repo

import (
	"context"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"golang.org/x/sys/unix"

	"troupe/sequencing"
)

var (
	replayedEntries = promauto.NewCounter(prometheus.CounterOpts{
		Name: "troupe_repo_replayed_entries_total", Help: "Log entries applied to account files on activation.",
	})
	flushSeconds = promauto.NewHistogram(prometheus.HistogramOpts{
		Name: "troupe_repo_flush_seconds", Help: "Time to make applied changes of all account files durable.",
		Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
	})
)

// flushEvery is how often account files are made durable. The log repeats
// what a power cut takes; this bounds how much it must keep.
const flushEvery = time.Second

// Flusher tells the log which entries account files hold durably: after they
// were committed to a file, and after one flush of the whole file system
// returned. It runs beside the actors, so no write ever waits for it.
type Flusher struct {
	root  string
	log   sequencing.Log
	slog  *slog.Logger
	notes chan sequencing.Applied
	stop  chan struct{}
	done  chan struct{}
}

// NewFlusher starts a flusher for the account files below root.
func NewFlusher(root string, log sequencing.Log, logger *slog.Logger) *Flusher {
	f := &Flusher{
		root: root, log: log, slog: logger,
		notes: make(chan sequencing.Applied, 8192), stop: make(chan struct{}), done: make(chan struct{}),
	}
	go f.run()
	return f
}

// Note says that a file committed everything up to seq. It never blocks: a
// note that finds no room is made again by the account's next activation.
func (f *Flusher) Note(did syntax.DID, seq sequencing.Seq) {
	select {
	case f.notes <- sequencing.Applied{DID: did, Seq: seq}:
	default:
	}
}

// Replayed counts entries that an activation had to apply.
func (f *Flusher) Replayed(entries int64) { replayedEntries.Add(float64(entries)) }

// Close flushes once more and ends the flusher.
func (f *Flusher) Close() {
	close(f.stop)
	<-f.done
}

func (f *Flusher) run() {
	defer close(f.done)
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	marks := map[syntax.DID]sequencing.Seq{}
	for {
		select {
		case n := <-f.notes:
			marks[n.DID] = max(marks[n.DID], n.Seq)
		case <-tick.C:
			f.flush(marks)
		case <-f.stop:
			for {
				select {
				case n := <-f.notes:
					marks[n.DID] = max(marks[n.DID], n.Seq)
					continue
				default:
				}
				break
			}
			f.flush(marks)
			return
		}
	}
}

// flush makes everything noted so far durable, then marks it. Only marks taken
// before the flush began count. A panic is like an error: what is not marked is
// flushed and marked the next time, and until then the log keeps it.
func (f *Flusher) flush(marks map[syntax.DID]sequencing.Seq) {
	if len(marks) == 0 {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			f.slog.Error("flush account files", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	began := time.Now()
	if err := syncFileSystem(f.root); err != nil {
		f.slog.Error("flush account files", "err", err)
		return
	}
	flushSeconds.Observe(time.Since(began).Seconds())
	applied := make([]sequencing.Applied, 0, len(marks))
	for did, seq := range marks {
		applied = append(applied, sequencing.Applied{DID: did, Seq: seq})
	}
	if err := f.log.MarkApplied(context.Background(), applied); err != nil {
		f.slog.Error("mark applied entries", "err", err)
		return
	}
	clear(marks)
}

// syncFileSystem flushes the file system that holds dir.
func syncFileSystem(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return unix.Syncfs(int(d.Fd()))
}
