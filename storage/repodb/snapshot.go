package repodb

import (
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
	// SnapshotsPerAccount is how many readers may hold one of an account.
	SnapshotsPerAccount = 2
)

// ErrSnapshots says that an account has as many long readers as it may have.
var ErrSnapshots = errors.New("repodb: too many exports of this account are running")

// Snapshot is a read-only view of one account's file at one moment. It has its
// own connection, so writes go on meanwhile, and it outlives the actor that
// opened it. It belongs to the goroutine that reads it, which must Close it.
type Snapshot struct {
	db     *sqlite.DB
	view   *sqlite.Snapshot
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
	r := &Reader{s.view.Reader()}
	var err error
	if since == "" {
		err = r.Export(both, w)
	} else {
		err = r.ExportSince(both, w, since)
	}
	if cause := context.Cause(both); err != nil && cause != nil {
		return cause
	}
	return err
}

// Close gives the snapshot back.
func (s *Snapshot) Close() {
	s.once.Do(func() {
		s.cancel(nil)
		s.view.Close()
		s.db.Close()
		s.done()
	})
}

// Snapshots knows every open snapshot, so that an account's long readers are
// bounded and can be told to stop. It is safe for concurrent use: a snapshot
// outlives the actor that opened it.
type Snapshots struct {
	mu   sync.Mutex
	open map[syntax.DID]map[*Snapshot]struct{}
}

// Open opens a snapshot of the file in dir. The caller owns the file's
// read-write handle and has committed what the snapshot must show.
func (ss *Snapshots) Open(ctx context.Context, dir string, did syntax.DID, o Options) (*Snapshot, error) {
	s := &Snapshot{}
	if err := ss.admit(did, s); err != nil {
		return nil, err
	}
	s.done = func() { ss.forget(did, s) }
	var err error
	if s.db, err = sqlite.Open(ctx, filepath.Join(dir, FileName), Schema, sqlite.Options{ReadOnly: true, CacheKiB: 2048, VFS: o.VFS}); err != nil {
		s.done()
		return nil, err
	}
	// The request that opened it may end before its reader does.
	life, stop := context.WithTimeoutCause(context.WithoutCancel(ctx), SnapshotLife, errors.New("repodb: the export took too long"))
	s.ctx, s.cancel = context.WithCancelCause(life)
	release := s.done
	s.done = func() { stop(); release() }
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

// Revoke tells every reader of an account to stop, with cause.
func (ss *Snapshots) Revoke(did syntax.DID, cause error) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	for s := range ss.open[did] {
		if s.cancel != nil {
			s.cancel(cause)
		}
	}
}
