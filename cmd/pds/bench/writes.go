package bench

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

const (
	nsidCreate = "com.atproto.repo.createRecord"
	nsidPut    = "com.atproto.repo.putRecord"
	nsidDelete = "com.atproto.repo.deleteRecord"
	nsidApply  = "com.atproto.repo.applyWrites"
)

// create writes one record and leaves the key to the server.
func (w *worker) create(a *account) ([]byte, error) {
	w.in = appendCreate(w.in[:0], a, "", nextNumber())
	return w.post(nsidCreate, a)
}

func createRecord(ctx context.Context, t *target, o Options) (tally, error) {
	all, err := t.accounts(ctx, o.Accounts)
	if err != nil {
		return tally{}, err
	}
	sum, _, err := t.run(ctx, o, job{workers: o.Workers, op: func(w *worker) error {
		_, err := w.create(w.pick(all))
		return err
	}})
	return sum, err
}

func createRecordOne(ctx context.Context, t *target, o Options) (tally, error) {
	all, err := t.accounts(ctx, 1)
	if err != nil {
		return tally{}, err
	}
	sum, _, err := t.run(ctx, o, job{workers: 1, op: func(w *worker) error {
		_, err := w.create(all[0])
		return err
	}})
	return sum, err
}

func createRecordHot(ctx context.Context, t *target, o Options) (tally, error) {
	all, err := t.accounts(ctx, 2)
	if err != nil {
		return tally{}, err
	}
	hot := all[len(all)-1]
	sum, workers, err := t.run(ctx, o, job{workers: o.Workers, op: func(w *worker) error {
		body, err := w.create(hot)
		if err != nil {
			return err
		}
		var said struct {
			URI syntax.ATURI
			CID string
		}
		if err := json.Unmarshal(body, &said); err != nil {
			return fmt.Errorf("%w: %v", errAnswer, err)
		}
		w.acks = append(w.acks, ack{said.URI.RecordKey(), said.CID})
		return nil
	}})
	if err != nil {
		return sum, err
	}
	var acks []ack
	for _, w := range workers {
		acks = append(acks, w.acks...)
	}
	err = t.prove(ctx, hot, acks, o.Workers, &sum)
	return sum, err
}

func applyWrites(count int) func(context.Context, *target, Options) (tally, error) {
	return func(ctx context.Context, t *target, o Options) (tally, error) {
		all, err := t.accounts(ctx, o.Accounts)
		if err != nil {
			return tally{}, err
		}
		sum, _, err := t.run(ctx, o, job{workers: o.Workers, op: func(w *worker) error {
			a := w.pick(all)
			w.in = appendBatch(w.in[:0], a, count, nextNumber(), nil)
			_, err := w.post(nsidApply, a)
			return err
		}})
		return sum, err
	}
}

func putRecord(ctx context.Context, t *target, o Options) (tally, error) {
	all, err := t.seeded(ctx, o.Accounts)
	if err != nil {
		return tally{}, err
	}
	sum, _, err := t.run(ctx, o, job{workers: o.Workers, op: func(w *worker) error {
		a := w.pick(all)
		w.in = appendCreate(w.in[:0], a, seedKey(w.rand.IntN(seeds)), nextNumber())
		_, err := w.post(nsidPut, a)
		return err
	}})
	return sum, err
}

// deletesASecond is for how many records deleteRecord is prepared: what runs
// out earlier ends the measurement earlier.
const deletesASecond = 4000

func deleteRecord(ctx context.Context, t *target, o Options) (tally, error) {
	all, err := t.accounts(ctx, o.Accounts)
	if err != nil {
		return tally{}, err
	}
	// Each worker has its own records, in all accounts.
	type record struct {
		a   *account
		key syntax.TID
	}
	total := int(deletesASecond * (o.Warmup + o.Duration).Seconds())
	if t.Process != nil && t.Process.tenth {
		total /= 10
	}
	share := min(200, total/len(all)+1)
	keys := syntax.NewTIDClock(0)
	batches := total/share + 1
	pools := make([][]record, o.Workers)
	groups := make([][]syntax.TID, batches)
	for b := range groups {
		for range share {
			key := keys.Next()
			groups[b] = append(groups[b], key)
			w := len(groups[b]) % o.Workers
			pools[w] = append(pools[w], record{all[b%len(all)], key})
		}
	}
	err = t.parallel(ctx, batches, signUps, func(c *conn, b int) error {
		return t.batch(c, all[b%len(all)], share, func(i int) syntax.TID { return groups[b][i] })
	})
	if err != nil {
		return tally{}, fmt.Errorf("records to delete: %w", err)
	}
	sum, _, err := t.run(ctx, o, job{workers: o.Workers, op: func(w *worker) error {
		pool := pools[w.id]
		if len(pool) == 0 {
			return errDone
		}
		r := pool[len(pool)-1]
		pools[w.id] = pool[:len(pool)-1]
		w.in = appendDelete(w.in[:0], r.a, r.key)
		_, err := w.post(nsidDelete, r.a)
		return err
	}})
	return sum, err
}

// coldWrite goes around all accounts in turn: with more of them than the server
// keeps awake, the next one is always the one that has slept longest.
func coldWrite(ctx context.Context, t *target, o Options) (tally, error) {
	all, err := t.accounts(ctx, o.Accounts)
	if err != nil {
		return tally{}, err
	}
	turn := newTurn(len(all))
	sum, _, err := t.run(ctx, o, job{workers: o.Workers, op: func(w *worker) error {
		_, err := w.create(all[turn()])
		return err
	}})
	return sum, err
}
