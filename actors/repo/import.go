package repo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/sequencing"
	"troupe/storage/mst"
	"troupe/storage/repodb"
	"troupe/storage/sqlite"
)

// importing is the import that the actor gathers, from its beginning until it is
// decided. It dies with the instance: what was staged is of no use without it.
type importing struct {
	id             repodb.ImportID
	head           Commit // that it takes the place of
	rev            syntax.TID
	nodes, records int // staged so far
}

// While an import is staged the file has larger buffers: its indexes are filled in
// no order, so that nearly every row touches another page of them, and a page that
// is written several times before it is copied back is copied once.
const (
	importCacheKiB = 16 << 10
	importWAL      = 32 << 20
)

// leftoverRows is about how many rows are removed in one turn.
const leftoverRows = 400

// beginImport stands between chains: the head must be one that the log has.
func (r *Repo) beginImport(ctx context.Context, m BeginImport, answer func(Begun, error)) {
	r.between(ctx, func(err error) { answer(Begun{}, err) }, func() { answer(r.begin(m)) })
}

func (r *Repo) begin(m BeginImport) (Begun, error) {
	if err := r.state.replaceable(); err != nil {
		return Begun{}, err
	}
	r.abandon()
	if r.leftovers {
		if err := r.clearSome(); err != nil {
			return Begun{}, err
		}
	}
	if r.leftovers {
		return Begun{}, ErrLeftovers
	}
	rev, err := r.Clock.NextRev(max(r.state.Rev, m.Above))
	if err != nil {
		return Begun{}, r.unexpected(err)
	}
	if err := r.flush(context.Background()); err != nil { // a file's first commit may still be pending
		return Begun{}, err
	}
	next := &importing{id: repodb.ImportID(rand.Int64()) | 1, head: r.state.head(), rev: rev}
	next.id &= 1<<62 - 1
	err = r.db.Transact(context.Background(), func(tx *repodb.Tx) error { return tx.BeginImport(next.id) })
	if err := r.written(err); err != nil {
		return Begun{}, err
	}
	if err := r.db.SetBuffers(context.Background(), importCacheKiB, importWAL); err != nil {
		return Begun{}, r.unexpected(err)
	}
	r.importing, r.enlarged = next, true
	return Begun{next.id, rev}, nil
}

func (r *Repo) stageImport(_ context.Context, m StageImport) (struct{}, error) {
	i, err := r.importOf(m.ID)
	if err != nil {
		return struct{}{}, err
	}
	err = r.db.Transact(context.Background(), func(tx *repodb.Tx) error {
		return tx.Stage(i.rev, i.rev.Time(), m.Nodes, m.Records)
	})
	if err := r.written(err); err != nil {
		return struct{}{}, err
	}
	i.nodes += len(m.Nodes)
	i.records += len(m.Records)
	r.boundWAL()
	return struct{}{}, nil
}

func (r *Repo) finishImport(ctx context.Context, m FinishImport, answer func(Commit, error)) {
	r.enqueue(queued(ctx, answer, func(_ View, s State) (Decision, Commit, error) {
		i, err := r.importOf(m.ID)
		if err != nil {
			return Decision{}, Commit{}, err
		}
		if err := r.readKey(); err != nil {
			return Decision{}, Commit{}, err
		}
		now, err := r.Clock.Now()
		if err != nil {
			return Decision{}, Commit{}, err
		}
		d, err := decideImport(s, m, *i, mst.Load(m.Data, nodes{r}), Moment{Rev: i.rev, Key: r.key}, now)
		if err != nil {
			return Decision{}, Commit{}, err
		}
		// Before the append: the log must never name an import that a power cut
		// could still take out of the file.
		if err := r.flush(context.Background()); err != nil {
			return Decision{}, Commit{}, err
		}
		if err := r.db.Sync(); err != nil {
			panic(fmt.Errorf("repo: %s: make an import durable: %w", r.did, err))
		}
		r.importing = nil // from here on it is the chain's: nobody can give it up
		return d, d.Next.head(), nil
	}))
}

func (r *Repo) abandonImport(_ context.Context, m AbandonImport) (struct{}, error) {
	if _, err := r.importOf(m.ID); err == nil {
		r.abandon()
	}
	return struct{}{}, nil
}

func (r *Repo) importOf(id repodb.ImportID) (*importing, error) {
	if r.importing == nil || r.importing.id != id {
		return nil, ErrImportGone
	}
	return r.importing, nil
}

// abandon gives up the import that is in progress.
func (r *Repo) abandon() {
	if r.importing != nil {
		r.importing = nil
		r.clearLeftovers()
	}
}

// swap puts an import that the log has just taken in the place of the
// repository. Nothing is pending: finishImport flushed, and nothing was decided
// since. Should it fail, a fresh activation does it again from the log's entry.
func (r *Repo) swap(f *flight) {
	last := f.committed.Seqs[len(f.committed.Seqs)-1]
	root := f.swap.rootOf(r.did, last, sequencing.Change{Rev: r.state.Rev, Data: r.state.Data})
	if err := r.swapIn(f.swap.id, root); err != nil {
		panic(fmt.Errorf("repo: %s: entry %d: %w", r.did, last, err))
	}
	r.Flusher.Note(r.did, last)
	r.boundWAL()
	r.reap(context.Background())
	r.clearLeftovers()
}

func (r *Repo) swapIn(id repodb.ImportID, root repodb.Root) error {
	dropped := false
	err := r.db.Transact(context.Background(), func(tx *repodb.Tx) error {
		err := tx.SwapImport(id, root)
		dropped = tx.Dropped()
		return err
	})
	if errors.Is(err, repodb.ErrNotStaged) {
		return fmt.Errorf("it replaces the repository by import %d, which is only in another copy of the file: %w", id, err)
	}
	r.unreaped = r.unreaped || dropped
	return err
}

// clearLeftovers removes what an import left in the file, a little in each turn,
// so that what else the account is asked comes in between.
func (r *Repo) clearLeftovers() {
	r.leftovers = true
	if !r.clearing {
		r.clearing = true
		r.self.Run(func() {
			r.clearing = false
			if r.db == nil || !r.leftovers {
				return
			}
			if err := r.clearSome(); err == nil && r.leftovers {
				r.clearLeftovers()
			} // on a full disk it goes on when the actor is idle, or asked again
		})
	}
}

// clearSome takes one step at it. Its error is that of a full disk.
func (r *Repo) clearSome() error {
	done := false
	err := r.db.Transact(context.Background(), func(tx *repodb.Tx) (err error) {
		if err := tx.AbandonImport(); err != nil {
			return err
		}
		done, err = tx.DropLeftovers(leftoverRows)
		return err
	})
	switch {
	case errors.Is(err, sqlite.ErrFull):
		return r.unexpected(err)
	case err != nil:
		panic(fmt.Errorf("repo: %s: remove what an import left: %w", r.did, err))
	}
	if r.leftovers = !done; done && r.enlarged {
		r.enlarged = false
		r.reopen(context.Background(), !r.db.Alone()) // memory that SQLite has taken it keeps until then
	}
	return nil
}
