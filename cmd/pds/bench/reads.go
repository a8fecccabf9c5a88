package bench

import (
	"context"
	"sync/atomic"
)

// newTurn counts from 0 to n-1 and begins again, for all workers together.
func newTurn(n int) func() int {
	var i atomic.Int64
	return func() int { return int((i.Add(1) - 1) % int64(n)) }
}

// reading repeats a public query whose parameters are made once per account.
func reading(ctx context.Context, t *target, o Options, all []*account, method string, variants int, query func(a *account, i int) string) (tally, error) {
	queries := make([]string, 0, len(all)*variants)
	for _, a := range all {
		for i := range variants {
			queries = append(queries, query(a, i))
		}
	}
	sum, _, err := t.run(ctx, o, job{workers: o.Workers, op: func(w *worker) error {
		_, err := w.get(method, queries[w.rand.IntN(len(queries))], nil)
		return err
	}})
	return sum, err
}

func recordQuery(a *account, i int) string {
	return params("repo", a.DID.String(), "collection", collection, "rkey", seedKey(i).String())
}

func getRecord(ctx context.Context, t *target, o Options) (tally, error) {
	all, err := t.seeded(ctx, o.Accounts)
	if err != nil {
		return tally{}, err
	}
	return reading(ctx, t, o, all, "com.atproto.repo.getRecord", seeds, recordQuery)
}

func listRecords(ctx context.Context, t *target, o Options) (tally, error) {
	all, err := t.seeded(ctx, o.Accounts)
	if err != nil {
		return tally{}, err
	}
	return reading(ctx, t, o, all, "com.atproto.repo.listRecords", 1, func(a *account, _ int) string {
		return params("repo", a.DID.String(), "collection", collection, "limit", "50")
	})
}

func describeRepo(ctx context.Context, t *target, o Options) (tally, error) {
	all, err := t.accounts(ctx, o.Accounts)
	if err != nil {
		return tally{}, err
	}
	return reading(ctx, t, o, all, "com.atproto.repo.describeRepo", 1, func(a *account, _ int) string {
		return params("repo", a.DID.String())
	})
}

func resolveHandle(ctx context.Context, t *target, o Options) (tally, error) {
	all, err := t.accounts(ctx, o.Accounts)
	if err != nil {
		return tally{}, err
	}
	return reading(ctx, t, o, all, "com.atproto.identity.resolveHandle", 1, func(a *account, _ int) string {
		return params("handle", a.Handle.String())
	})
}

func getLatestCommit(ctx context.Context, t *target, o Options) (tally, error) {
	all, err := t.accounts(ctx, o.Accounts)
	if err != nil {
		return tally{}, err
	}
	return reading(ctx, t, o, all, "com.atproto.sync.getLatestCommit", 1, func(a *account, _ int) string {
		return params("did", a.DID.String())
	})
}

func listRepos(ctx context.Context, t *target, o Options) (tally, error) {
	all, err := t.accounts(ctx, o.Accounts)
	if err != nil {
		return tally{}, err
	}
	return reading(ctx, t, o, all[:1], "com.atproto.sync.listRepos", 1, func(*account, int) string {
		return params("limit", "500")
	})
}

func getSession(ctx context.Context, t *target, o Options) (tally, error) {
	all, err := t.accounts(ctx, o.Accounts)
	if err != nil {
		return tally{}, err
	}
	sum, _, err := t.run(ctx, o, job{workers: o.Workers, op: func(w *worker) error {
		_, err := w.get("com.atproto.server.getSession", "", w.pick(all))
		return err
	}})
	return sum, err
}

// coldRead goes around all accounts in turn, as coldWrite does.
func coldRead(ctx context.Context, t *target, o Options) (tally, error) {
	all, err := t.seeded(ctx, o.Accounts)
	if err != nil {
		return tally{}, err
	}
	turn := newTurn(len(all))
	sum, _, err := t.run(ctx, o, job{workers: o.Workers, op: func(w *worker) error {
		_, err := w.get("com.atproto.repo.getRecord", recordQuery(all[turn()], w.rand.IntN(seeds)), nil)
		return err
	}})
	return sum, err
}
