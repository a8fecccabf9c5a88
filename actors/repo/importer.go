package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
	"troupe/storage/car"
	"troupe/storage/commit"
	"troupe/storage/dag"
	"troupe/storage/mst"
)

// Importer takes in whole repositories. It works in the goroutine of whoever
// asks: reading, hashing and walking a million records is nothing for a turn.
// Memory is bounded by a batch, whatever the size of the repository. It is safe
// for concurrent use.
type Importer struct {
	Repos  *mailbox.Router[*Repo]
	Dir    string // of the files that hold uploads meanwhile; they have no names
	Limit  int64  // bytes of one upload, and of the records it stands for
	Sorted int    // nodes that are put in order at a time, at 40 bytes each; 0: 262144
	Now    func() time.Time
	Logger *slog.Logger
	// Key finds the key that the account's DID document names. An upload that it
	// does not verify is taken all the same, since the key may have changed, and
	// logged.
	Key func(context.Context, syntax.DID) (atcrypto.PublicKey, error)

	running atomic.Int32
}

const (
	// maxImports is how many uploads may be on their way or being imported.
	maxImports = 16
	// leftoverWait is how long an import waits for an earlier one to be cleared away.
	leftoverWait = 2 * time.Minute
	keyTimeout   = 5 * time.Second

	// A node of a tree as it grows by itself has a few entries; one of this size
	// was made to cost memory, and there may be one on every layer.
	maxNodeBytes   = 256 << 10
	maxCommitBytes = 16 << 10
)

// Import replaces the repository of an account by the one that body holds, a CAR
// of any block order. It is answered with [ErrInvalidRepo] for what is no
// repository of this account, whole and well formed, and with [ErrInvalidSwap] if
// somebody wrote to the account meanwhile. Nothing has changed then, nor after
// any other error. An error of body comes back as it is.
func (im *Importer) Import(ctx context.Context, did syntax.DID, body io.Reader) (Commit, error) {
	if im.running.Add(1) > maxImports {
		im.running.Add(-1)
		return Commit{}, ErrTooManyImports
	}
	defer im.running.Add(-1)
	spool, err := car.NewSpool(im.Dir, body, car.Limits{Total: im.Limit})
	if err != nil {
		return Commit{}, invalidRepo(err)
	}
	defer spool.Close()
	commit, err := im.commitOf(ctx, did, spool)
	if err != nil {
		return Commit{}, invalidRepo(err)
	}
	addr := im.Repos.Of(did.String())
	begun, err := im.begin(ctx, addr, commit.Rev)
	if err != nil {
		return Commit{}, err
	}
	s := im.newStager(ctx, addr, spool, begun.ID)
	if err = s.walk(commit.Data); err == nil {
		var head Commit
		if head, err = mailbox.Ask(ctx, addr, s.finish(commit.Data)); err == nil {
			return head, nil
		}
	}
	// Best effort: what is staged goes when another import begins, or when the
	// account is next awake.
	mailbox.Post(context.WithoutCancel(ctx), addr, AbandonImport{ID: begun.ID}, func(struct{}, error) {})
	return Commit{}, invalidRepo(err)
}

// invalidRepo says whose fault an error is, where it is the upload's.
func invalidRepo(err error) error {
	switch {
	case errors.Is(err, ErrInvalidRepo):
		return err
	case errors.Is(err, car.ErrInvalid), errors.Is(err, mst.ErrInvalid), errors.Is(err, mst.ErrMissing), errors.Is(err, dag.ErrInvalid):
		return fmt.Errorf("%w: %w", ErrInvalidRepo, err)
	}
	return err
}

// begin waits, for a while, until the file has room for an import.
func (im *Importer) begin(ctx context.Context, addr mailbox.Address[*Repo], above syntax.TID) (Begun, error) {
	pause, end := 5*time.Millisecond, time.Now().Add(leftoverWait)
	for {
		begun, err := mailbox.Ask(ctx, addr, BeginImport{Above: above})
		if !errors.Is(err, ErrLeftovers) || time.Now().After(end) {
			return begun, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return Begun{}, context.Cause(ctx)
		}
		pause = min(2*pause, time.Second)
	}
}

// commitOf reads and judges the commit that an upload has as its root.
func (im *Importer) commitOf(ctx context.Context, did syntax.DID, spool *car.Spool) (commit.Object, error) {
	roots := spool.Roots()
	if len(roots) != 1 {
		return commit.Object{}, fmt.Errorf("%w: %d roots, not one", ErrInvalidRepo, len(roots))
	}
	block, found, err := spool.Block(roots[0])
	switch {
	case err != nil:
		return commit.Object{}, err
	case !found:
		return commit.Object{}, fmt.Errorf("%w: the root is missing", ErrInvalidRepo)
	case len(block) > maxCommitBytes:
		return commit.Object{}, fmt.Errorf("%w: a commit of %d bytes", ErrInvalidRepo, len(block))
	}
	c, err := commit.Parse(bytes.Clone(block))
	if err == nil {
		err = checkImported(c, did, im.Now())
	}
	if err != nil {
		return commit.Object{}, fmt.Errorf("%w: commit: %w", ErrInvalidRepo, err)
	}
	if err := im.verify(ctx, did, c); err != nil {
		return commit.Object{}, fmt.Errorf("%w: commit: %w", ErrInvalidRepo, err)
	}
	return c, nil
}

// verify refuses a signature of malleable form; one that is not the key's at all
// is the owner's business.
func (im *Importer) verify(ctx context.Context, did syntax.DID, c commit.Object) error {
	if im.Key == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, keyTimeout)
	defer cancel()
	key, err := im.Key(ctx, did)
	switch {
	case err != nil:
		im.Logger.Info("the commit of an import could not be verified", "did", did, "err", err)
	case c.Verify(key) == nil:
	case key.HashAndVerifyLenient(c.Unsigned, c.Sig) == nil:
		return errHighS
	default:
		im.Logger.Warn("the commit of an import is not signed by the account's present key", "did", did, "rev", c.Rev)
	}
	return nil
}
