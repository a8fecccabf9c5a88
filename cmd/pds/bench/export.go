package bench

import (
	"bytes"
	"context"
	"fmt"

	"github.com/bluesky-social/indigo/atproto/repo"
	"github.com/ipfs/go-cid"
)

// exporters is how many clients export at a time: as many as a small server has cores.
const exporters = 2

// largeBatch is how many records of the large repository are made at a time.
const largeBatch = 200

func getRepo(ctx context.Context, t *target, o Options) (sum tally, err error) {
	a, err := t.large(ctx, o.Records)
	if err != nil {
		return tally{}, fmt.Errorf("large repository: %w", err)
	}
	if t.Process != nil { // one that has just written all this has memory to spare
		if err := t.restart(ctx, 0); err != nil {
			return tally{}, err
		}
	}
	watched := watchMemory(t.PID)
	defer func() { sum.rssGrown = watched() }()
	request := appendGet(nil, t.to, "com.atproto.sync.getRepo", params("did", a.DID.String()), "")
	body, _, err := t.slow.call(request, false)
	if err != nil {
		return tally{}, err
	}
	if err := checkExport(ctx, body, a.Records); err != nil {
		return tally{}, fmt.Errorf("the export is wrong: %w", err)
	}
	t.slow.body = nil // some megabytes that no other call needs
	sum, _, err = t.run(ctx, o, job{workers: min(exporters, o.Workers), op: func(w *worker) error {
		_, size, err := w.call(request, true)
		w.bytes += size
		return err
	}})
	return sum, err
}

// checkExport counts what is in an export, so that a short answer is not fast.
func checkExport(ctx context.Context, car []byte, atLeast int) error {
	_, r, err := repo.LoadRepoFromCAR(ctx, bytes.NewReader(car))
	if err != nil {
		return err
	}
	n := 0
	err = r.MST.Walk(func(key []byte, value cid.Cid) error {
		n++
		if _, err := r.RecordStore.Get(ctx, value); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		return nil
	})
	if err == nil && n < atLeast {
		err = fmt.Errorf("%d of %d records", n, atLeast)
	}
	return err
}

// large is an account with so many records.
func (t *target) large(ctx context.Context, records int) (*account, error) {
	if t.state.Export == nil {
		made, err := t.signUp(ctx, 1)
		if err != nil {
			return nil, err
		}
		t.state.Export = made[0]
	}
	a := t.state.Export
	if err := t.renew(t.slow, a); err != nil {
		return nil, err
	}
	for a.Records < records {
		n := min(largeBatch, records-a.Records)
		if err := t.batch(t.slow, a, n, nil); err != nil {
			return nil, err
		}
		a.Records += n
	}
	return a, t.state.write(t.path)
}
