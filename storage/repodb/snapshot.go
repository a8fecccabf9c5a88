package repodb

import (
	"bufio"
	"context"
	"errors"
	"io"
	"path/filepath"
	"sync"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/sqlite"
)

const (
	// SnapshotLife is how long a reader may hold a snapshot.
	SnapshotLife = 10 * time.Minute
	// A reader that takes less than slowRate bytes a second for slowWindow is
	// cut off: while it holds the snapshot the file's WAL only grows.
	slowRate   = 64 << 10
	slowWindow = 30 * time.Second

	// SnapshotsPerAccount is how many readers may hold one of an account.
	SnapshotsPerAccount = 2
)

var (
	// ErrSnapshots: an account has as many long readers as it may have.
	ErrSnapshots = errors.New("repodb: too many exports of this account are running")
	errTooLong   = errors.New("repodb: the export took too long")
	errTooSlow   = errors.New("repodb: the reader of the export is too slow")
)

// Snapshot is a read-only view of one account's file at one moment. It has its
// own connection, so writes go on meanwhile, and it outlives the actor that
// opened it. It belongs to the goroutine that reads it, which must Close it.
type Snapshot struct {
	db     *sqlite.DB // nil: copy is what it shows
	view   *sqlite.Snapshot
	copy   []byte
	root   Root
	ctx    context.Context
	cancel context.CancelCauseFunc
	done   func()
	once   sync.Once
}

// Root is the commit that the snapshot shows.
func (s *Snapshot) Root() cid.Cid { return s.root.Commit }

// Rev is the rev of that commit.
func (s *Snapshot) Rev() syntax.TID { return s.root.Rev }

// WriteCAR writes the repository, or with since what came after that rev.
// It ends early with the cause when the snapshot is revoked.
func (s *Snapshot) WriteCAR(ctx context.Context, w io.Writer, since syntax.TID) error {
	both, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer context.AfterFunc(s.ctx, func() { stop(context.Cause(s.ctx)) })()
	if s.db == nil {
		// All of it, whatever since says: the difference is part of it.
		_, err := (&paced{w: w, since: time.Now(), stop: stop}).Write(s.copy)
		if cause := context.Cause(both); err != nil && cause != nil {
			return cause
		}
		return err
	}
	r := &Reader{s.view.Reader()}
	out := bufio.NewWriterSize(&paced{w: w, since: time.Now(), stop: stop}, 64<<10)
	var err error
	if since == "" {
		err = r.Export(both, out)
	} else {
		err = r.ExportSince(both, out, since)
	}
	if err == nil {
		err = out.Flush()
	}
	if cause := context.Cause(both); err != nil && cause != nil {
		return cause
	}
	return err
}

// paced passes bytes on and stops an export whose reader is too slow.
type paced struct {
	w     io.Writer
	since time.Time // beginning of the window
	bytes int       // written in it
	stop  context.CancelCauseFunc
}

func (p *paced) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	p.bytes += n
	if span := time.Since(p.since); span >= slowWindow {
		if p.bytes < int(slowRate*span.Seconds()) {
			p.stop(errTooSlow)
			return n, errTooSlow
		}
		p.since, p.bytes = time.Now(), 0
	}
	return n, err
}

// Close gives the snapshot back.
func (s *Snapshot) Close() {
	s.once.Do(func() {
		s.cancel(nil)
		if s.db != nil {
			s.view.Close()
			s.db.Close()
		}
		s.done()
	})
}

// Snapshots knows every open snapshot, so that an account's long readers are
// bounded and can be told to stop. It is safe for concurrent use: a snapshot
// outlives the actor that opened it.
type Snapshots struct {
	mu   sync.Mutex
	open map[syntax.DID]map[*Snapshot]struct{}
	held int // bytes of all copies
}

// Open opens a snapshot of the file in dir. The caller owns the file's
// read-write handle and has committed what the snapshot must show.
func (ss *Snapshots) Open(ctx context.Context, dir string, did syntax.DID, o Options) (*Snapshot, error) {
	// The request that opened it may end before its reader does.
	life, stop := context.WithTimeoutCause(context.WithoutCancel(ctx), SnapshotLife, errTooLong)
	s := &Snapshot{}
	s.ctx, s.cancel = context.WithCancelCause(life)
	s.done = func() { stop(); ss.forget(did, s) }
	if err := ss.admit(did, s); err != nil {
		stop()
		return nil, err
	}
	var err error
	if s.db, err = sqlite.Open(ctx, filepath.Join(dir, FileName), Schema, sqlite.Options{ReadOnly: true, CacheKiB: 2048, VFS: o.VFS}); err != nil {
		s.done()
		return nil, err
	}
	if s.view, err = s.db.BeginSnapshot(s.ctx); err == nil {
		s.root, _, err = (&Reader{s.view.Reader()}).Root()
		if err != nil {
			s.view.Close()
		}
	}
	if err != nil {
		s.db.Close()
		s.done()
		return nil, err
	}
	return s, nil
}

// maxCopies is how many bytes all copies together may take.
const maxCopies = 64 << 20

// Copy is Open for a file that cannot be brought up to date because the disk
// is full: preview shows what it would hold, and the snapshot is an export of
// that in memory. ErrSnapshots also if the copies take too much memory.
func (ss *Snapshots) Copy(ctx context.Context, did syntax.DID, preview func(read func(*Reader) error) error) (*Snapshot, error) {
	life, stop := context.WithTimeoutCause(context.WithoutCancel(ctx), SnapshotLife, errTooLong)
	s := &Snapshot{}
	s.ctx, s.cancel = context.WithCancelCause(life)
	var out copied
	s.done = func() { stop(); ss.forget(did, s); _ = ss.take(-out.taken) }
	if err := ss.admit(did, s); err != nil {
		stop()
		return nil, err
	}
	out.take = ss.take
	err := preview(func(r *Reader) (err error) {
		if s.root, _, err = r.Root(); err != nil {
			return err
		}
		return r.Export(ctx, &out)
	})
	if err != nil {
		s.done()
		return nil, err
	}
	s.copy = out.bytes
	return s, nil
}

// copied collects an export as far as memory may be taken for it.
type copied struct {
	bytes []byte
	taken int
	take  func(int) error
}

func (c *copied) Write(b []byte) (int, error) {
	if err := c.take(len(b)); err != nil {
		return 0, err
	}
	c.taken += len(b)
	c.bytes = append(c.bytes, b...)
	return len(b), nil
}

func (ss *Snapshots) take(n int) error {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if n > 0 && ss.held+n > maxCopies {
		return ErrSnapshots
	}
	ss.held += n
	return nil
}

func (ss *Snapshots) admit(did syntax.DID, s *Snapshot) error {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if len(ss.open[did]) >= SnapshotsPerAccount {
		return ErrSnapshots
	}
	if ss.open == nil {
		ss.open = map[syntax.DID]map[*Snapshot]struct{}{}
	}
	if ss.open[did] == nil {
		ss.open[did] = map[*Snapshot]struct{}{}
	}
	ss.open[did][s] = struct{}{}
	return nil
}

func (ss *Snapshots) forget(did syntax.DID, s *Snapshot) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	delete(ss.open[did], s)
	if len(ss.open[did]) == 0 {
		delete(ss.open, did)
	}
}

// Held reports whether anybody reads a snapshot of the account.
func (ss *Snapshots) Held(did syntax.DID) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return len(ss.open[did]) > 0
}

// Revoke tells every reader of an account to stop, with cause.
func (ss *Snapshots) Revoke(did syntax.DID, cause error) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	for s := range ss.open[did] {
		s.cancel(cause)
	}
}
