package repo

import (
	"context"

	"troupe/sequencing"
)

// queued makes a job of a command: decide runs when its turn in the chain
// comes, answer when the chain is durable.
func queued[R any](ctx context.Context, answer func(R, error), decide func(View, State) (Decision, R, error)) job {
	var zero R
	return job{
		ctx:    ctx,
		refuse: func(err error) { answer(zero, err) },
		decide: func(v View, s State) (Decision, func(error), error) {
			d, result, err := decide(v, s)
			return d, func(err error) {
				if err != nil {
					answer(zero, err)
					return
				}
				answer(result, nil)
			}, err
		},
	}
}

func (r *Repo) applyWrites(ctx context.Context, m ApplyWrites, answer func(WriteResult, error)) {
	// What cannot succeed need not wait for a chain.
	if len(m.Writes) > sequencing.MaxCommitOps {
		answer(WriteResult{}, ErrTooManyWrites)
		return
	}
	r.enqueue(queued(ctx, answer, func(v View, s State) (Decision, WriteResult, error) {
		at, err := r.moment(s)
		if err != nil {
			return Decision{}, WriteResult{}, err
		}
		return decideWrites(v, s, m, at)
	}))
}

func (r *Repo) create(ctx context.Context, m Create, answer func(Commit, error)) {
	r.enqueue(queued(ctx, answer, func(_ View, s State) (Decision, Commit, error) {
		if s.Exists && s.Status != sequencing.StatusDeleted {
			return Decision{Next: s}, s.head(), nil
		}
		if err := r.readKey(); err != nil {
			return Decision{}, Commit{}, err
		}
		at, err := r.moment(s)
		if err != nil {
			return Decision{}, Commit{}, err
		}
		d, err := decideCreate(s, m, at)
		return d, d.Next.head(), err
	}))
}

func (r *Repo) setStatus(ctx context.Context, m SetStatus, answer func(sequencing.Head, error)) {
	j := queued(ctx, answer, func(_ View, s State) (Decision, sequencing.Head, error) {
		now, err := r.Clock.Now()
		if err != nil {
			return Decision{}, sequencing.Head{}, err
		}
		d, err := decideStatus(s, m, now)
		return d, headOf(d.Next), err
	})
	j.passes = true
	r.enqueue(j)
}

func (r *Repo) activateAccount(ctx context.Context, m Activate, answer func(sequencing.Head, error)) {
	r.enqueue(queued(ctx, answer, func(_ View, s State) (Decision, sequencing.Head, error) {
		at, err := r.moment(s)
		if err != nil {
			return Decision{}, sequencing.Head{}, err
		}
		now, err := r.Clock.Now()
		if err != nil {
			return Decision{}, sequencing.Head{}, err
		}
		d, err := decideActivate(s, m, at, now)
		return d, headOf(d.Next), err
	}))
}

func (r *Repo) announceIdentity(ctx context.Context, m AnnounceIdentity, answer func(sequencing.Head, error)) {
	r.enqueue(queued(ctx, answer, func(_ View, s State) (Decision, sequencing.Head, error) {
		now, err := r.Clock.Now()
		if err != nil {
			return Decision{}, sequencing.Head{}, err
		}
		d, err := decideIdentity(s, m, now)
		return d, headOf(d.Next), err
	}))
}

// moment reads the clock once for a decision, and the key before the first:
// accounts that are only read do without it.
func (r *Repo) moment(s State) (Moment, error) {
	if s.Exists && s.Status != sequencing.StatusDeleted {
		if err := r.readKey(); err != nil {
			return Moment{}, err
		}
	}
	rev, err := r.Clock.NextRev(s.Rev)
	return Moment{Rev: rev, Key: r.key}, err
}

// headOf tells a state the way the log does. It has no number: that is given later.
func headOf(s State) sequencing.Head {
	return sequencing.Head{DID: s.DID, Rev: s.Rev, Commit: s.Commit, Data: s.Data, Status: s.Status}
}
