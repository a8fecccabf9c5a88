package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
	"golang.org/x/sync/errgroup"
)

// Mover carries every blob from a disk to a bucket, while a server uses both as
// a Tiered. It may end anywhere and be started again: a blob leaves the disk
// only after it was read back from the bucket, whole.
type Mover struct {
	From *Disk
	To   *S3

	Workers int  // blobs under way at a time; 0: 4
	DryRun  bool // count, and change nothing

	// Progress hears the sums now and then, Failed of each blob that stays on
	// the disk because its bytes are not readable or not right. Both may be nil,
	// and neither is called from two goroutines at once.
	Progress func(Moved)
	Failed   func(syntax.DID, cid.Cid, error)

	mu  sync.Mutex
	sum Moved // guarded by mu, as are the calls of both functions
}

// Moved is what a Mover did.
type Moved struct {
	Accounts    int64 // looked at
	Blobs       int64 // are in the bucket and not on the disk any more; with DryRun: would be
	Bytes       int64 // of these
	Quarantined int64 // of these blobs, are in quarantine
	Present     int64 // of these blobs, were in the bucket already
	Vanished    int64 // were deleted by the server meanwhile
	Failed      int64 // stay on the disk
}

// errSource marks what went wrong on the disk: it is one blob's trouble, while
// the bucket's is everybody's.
var errSource = errors.New("the copy on the disk cannot be moved")

// Run moves what there is when it comes to it. An error of the bucket ends it.
func (m *Mover) Run(ctx context.Context) (Moved, error) {
	workers := m.Workers
	if workers <= 0 {
		workers = 4
	}
	for did, err := range m.From.Accounts(ctx) {
		if err == nil {
			err = m.account(ctx, did, workers)
		}
		if err != nil {
			return m.moved(), err
		}
		m.count(func(s *Moved) { s.Accounts++ })
	}
	return m.moved(), nil
}

func (m *Mover) account(ctx context.Context, did syntax.DID, workers int) error {
	if !m.DryRun {
		if err := m.To.call(ctx, "move", func(ctx context.Context) error { return m.To.writeName(ctx, did) }); err != nil {
			return err
		}
	}
	for _, quarantined := range []bool{false, true} {
		group, inner := errgroup.WithContext(ctx)
		group.SetLimit(workers)
		for one, err := range m.From.list(inner, did, cid.Undef, quarantined) {
			if err != nil {
				group.Go(func() error { return failDisk(ctx, "move", err) })
				break
			}
			group.Go(func() error { return m.one(inner, did, one) })
		}
		if err := group.Wait(); err != nil {
			return err
		}
		if !m.DryRun {
			// Fails where anything is left in it, which is as well.
			m.From.files.Remove(m.From.folder(did, quarantined))
		}
	}
	return nil
}

// one moves a blob, and counts it.
func (m *Mover) one(ctx context.Context, did syntax.DID, b Stored) error {
	if m.DryRun {
		m.count(func(s *Moved) { s.add(b, false) })
		return nil
	}
	present, vanished, err := m.move(ctx, did, &b)
	switch {
	case errors.Is(err, errSource) && ctx.Err() == nil:
		m.count(func(s *Moved) {
			s.Failed++
			if m.Failed != nil {
				m.Failed(did, b.CID, err)
			}
		})
	case err != nil:
		return err
	case vanished:
		m.count(func(s *Moved) { s.Vanished++ })
	default:
		m.count(func(s *Moved) { s.add(b, present) })
	}
	return nil
}

// move carries one blob over. The server may quarantine, restore or delete it at
// any moment, in both stores, the disk first. So what the disk says after the
// copy decides: the copy follows it into quarantine or out, before the disk's
// own goes. What is deleted while it is copied may come to life again in the
// bucket, without a row; nothing is done about that here, since the same bytes
// may just as well have been uploaded again. The sweep of orphans finds it.
func (m *Mover) move(ctx context.Context, did syntax.DID, b *Stored) (present, vanished bool, err error) {
	for {
		present, err = m.copy(ctx, did, *b)
		there, herr := m.From.has(ctx, did, b.CID, b.Quarantined)
		other, oerr := m.From.has(ctx, did, b.CID, !b.Quarantined)
		switch bad := errors.Join(herr, oerr); {
		case bad != nil:
			return false, false, fmt.Errorf("%w: %w", errSource, bad)
		case there && err != nil:
			return false, false, err
		case there:
			err = m.From.remove(ctx, m.From.folder(did, b.Quarantined), b.CID)
			if err != nil {
				err = fmt.Errorf("%w: %w", errSource, err)
			}
			return present, false, err
		case !other:
			return false, true, nil
		}
		if err != nil && !errors.Is(err, errSource) && !errors.Is(err, ErrNotFound) {
			return false, false, err
		}
		if b.Quarantined {
			err = m.To.Restore(ctx, did, b.CID)
		} else {
			err = m.To.Quarantine(ctx, did, b.CID)
		}
		if err != nil {
			return false, false, err
		}
		b.Quarantined = !b.Quarantined
	}
}

// copy has a whole copy in the bucket when it returns nil, read back byte for
// byte. One that is there already is read too, and replaced if it is not right.
func (m *Mover) copy(ctx context.Context, did syntax.DID, b Stored) (present bool, err error) {
	switch err := m.verify(ctx, did, b); {
	case err == nil:
		return true, nil
	case !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrMismatch):
		return false, err
	}
	o, err := m.From.open(ctx, did, b.CID, b.Quarantined)
	if err != nil {
		return false, fmt.Errorf("%w: %w", errSource, err)
	}
	defer o.Close()
	name, _ := blobName(b.CID)
	err = m.To.call(ctx, "move", func(ctx context.Context) error {
		return m.To.put(ctx, m.To.prefix(did, b.Quarantined)+name, b.CID, o.size, sourceReader{o})
	})
	if errors.Is(err, ErrMismatch) {
		return false, fmt.Errorf("%w: %w", errSource, err)
	}
	if err == nil {
		err = m.verify(ctx, did, b)
	}
	return false, err
}

// verify reads a copy in the bucket.
func (m *Mover) verify(ctx context.Context, did syntax.DID, b Stored) error {
	o, err := m.To.open(ctx, did, b.CID, b.Quarantined)
	if err != nil {
		return err
	}
	defer o.Close()
	_, err = io.Copy(io.Discard, newChecked(ctx, b.CID, o.size, o))
	return err
}

// sourceReader marks the errors of reading the disk.
type sourceReader struct{ *diskObject }

func (r sourceReader) Read(p []byte) (int, error) {
	n, err := r.diskObject.Read(p)
	return n, asSource(err)
}

func (r sourceReader) ReadAt(p []byte, at int64) (int, error) {
	n, err := r.diskObject.ReadAt(p, at)
	return n, asSource(err)
}

func asSource(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return fmt.Errorf("%w: %w", errSource, err)
}

func (s *Moved) add(b Stored, present bool) {
	s.Blobs++
	s.Bytes += b.Size
	if b.Quarantined {
		s.Quarantined++
	}
	if present {
		s.Present++
	}
}

func (m *Mover) count(fn func(*Moved)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	fn(&m.sum)
	if m.Progress != nil {
		m.Progress(m.sum)
	}
}

func (m *Mover) moved() Moved {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sum
}
