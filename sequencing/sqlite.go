package sequencing

import (
	"context"
	"log/slog"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// LogOptions tunes a SQLiteLog. Zero values mean the defaults in parentheses.
type LogOptions struct {
	QueueBytes int              // bytes of entries that may wait for the committer (32 MiB)
	Ring       *Ring            // committed public events are published here (none)
	Now        func() time.Time // wall clock for created_at (time.Now)
	Readers    int              // read connections (3)
	HeadCache  int              // head rows the committer keeps in memory (16,384)
	Restored   bool             // the log was restored from a copy: skip one more block of numbers
	Logger     *slog.Logger     // (slog.Default)
	VFS        string           // SQLite VFS; fault injection plugs in here ("": ours)
	// Fatal is called when the disk of the log fails for any reason but lack of
	// space (log the error and exit 70, so that the next start recovers from
	// disk). If it returns, the log refuses everything with ErrClosed.
	Fatal func(error)
}

// SQLiteLog is the embedded Log: one SQLite file, one committer goroutine.
type SQLiteLog struct{}

// OpenLog opens or creates the log at path; its directory must exist.
func OpenLog(ctx context.Context, path string, o LogOptions) (*SQLiteLog, error) { panic("skeleton") }

var _ Log = (*SQLiteLog)(nil)

func (l *SQLiteLog) Append(a Append, done func(Committed, error)) { panic("skeleton") }
func (l *SQLiteLog) Head(ctx context.Context, did syntax.DID) (Head, bool, error) {
	panic("skeleton")
}
func (l *SQLiteLog) Heads(ctx context.Context, after HeadCursor, limit int) ([]Head, error) {
	panic("skeleton")
}
func (l *SQLiteLog) Behind(ctx context.Context, after syntax.DID, limit int) ([]Head, error) {
	panic("skeleton")
}
func (l *SQLiteLog) Events(ctx context.Context, after Seq, limit int, maxBytes int) ([]Event, error) {
	panic("skeleton")
}
func (l *SQLiteLog) Replay(ctx context.Context, did syntax.DID, after Seq, fn func(Event) error) error {
	panic("skeleton")
}
func (l *SQLiteLog) ReplayKinds(ctx context.Context, after Seq, kinds []Kind, fn func(Event) error) error {
	panic("skeleton")
}
func (l *SQLiteLog) Last() Seq { panic("skeleton") }
func (l *SQLiteLog) Earliest(ctx context.Context, since time.Time) (Seq, bool, error) {
	panic("skeleton")
}
func (l *SQLiteLog) MarkApplied(ctx context.Context, marks []Applied) error { panic("skeleton") }
func (l *SQLiteLog) MarkAccounts(ctx context.Context, seq Seq) error        { panic("skeleton") }
func (l *SQLiteLog) Prune(ctx context.Context, before time.Time, limit int) (n int, err error) {
	panic("skeleton")
}
func (l *SQLiteLog) Close() error { panic("skeleton") }
