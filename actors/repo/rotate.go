package repo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"troupe/sequencing"
	"troupe/storage/keys"
)

// holdLimit is how long writes wait for a rotation of the account's key, unless
// Config says otherwise. A directory that answers is asked within a second; one
// that does not must not keep clients hanging.
const holdLimit = 20 * time.Second

// hold is where a rotation of the key keeps the account's writes.
type hold uint8

const (
	holdNone   hold = iota
	holdQueue       // they wait in the queue
	holdRefuse      // they are refused: it takes long, or nobody knows how long
)

// stageKey waits for what is on its way: from its answer on nothing is signed.
func (r *Repo) stageKey(ctx context.Context, m StageKey, answer func(sequencing.Head, error)) {
	refuse := func(err error) { answer(sequencing.Head{}, err) }
	stage := func() {
		err := r.exists()
		if err == nil {
			err = r.Vault.WriteNextKey(r.dir, r.did, m.Key)
		}
		switch {
		case errors.Is(err, keys.ErrKeyExists):
			refuse(fmt.Errorf("%w: %w", ErrRotating, err))
		case err != nil:
			refuse(r.unexpected(err))
		default:
			r.holdWrites()
			answer(headOf(r.state), nil)
		}
	}
	if r.held != holdNone { // nothing that was signed is on its way, and the queue stands still
		stage()
		return
	}
	r.enqueue(job{ctx: ctx, refuse: refuse, alone: stage})
}

// holdWrites keeps writes from being signed, for a while without their askers
// noticing.
func (r *Repo) holdWrites() {
	if r.held != holdNone {
		return
	}
	r.held = holdQueue
	time.AfterFunc(r.HoldLimit, func() {
		r.self.Run(func() {
			if r.held == holdQueue {
				r.refuseHeld()
			}
		})
	})
}

// refuseHeld answers what waits for the rotation, and what is still to come. What
// passes a rotation stays: it waits for the chain that is on its way.
func (r *Repo) refuseHeld() {
	r.held = holdRefuse
	waiting := r.queue
	r.queue = nil
	for _, j := range waiting {
		if j.passes {
			r.queue = append(r.queue, j)
			continue
		}
		j.refuse(ErrRotating)
	}
}

// adoptKey goes before what waits, which is then decided on top of it and signed
// by the new key.
func (r *Repo) adoptKey(ctx context.Context, m AdoptKey, answer func(sequencing.Head, error)) {
	refuse := func(err error) { answer(sequencing.Head{}, err) }
	r.beforeHeld(job{ctx: ctx, refuse: refuse, alone: func() {
		if err := r.switchKey(m.Public); err != nil {
			refuse(err)
			return
		}
		r.held = holdNone
		// From the rename on this is finished, whoever waits for it.
		announce := queued(context.WithoutCancel(ctx), answer, func(_ View, s State) (Decision, sequencing.Head, error) {
			at, err := r.moment(s)
			if err != nil {
				return Decision{}, sequencing.Head{}, err
			}
			now, err := r.Clock.Now()
			if err != nil {
				return Decision{}, sequencing.Head{}, err
			}
			d, err := decideRotate(s, m.Handle, at, now)
			return d, headOf(d.Next), err
		})
		r.queue = append([]job{announce}, r.queue...)
	}})
}

// switchKey makes the staged key the current one, if that has not happened yet.
func (r *Repo) switchKey(public string) error {
	if err := r.exists(); err != nil {
		return err
	}
	key, err := r.Vault.ReadNextKey(r.dir, r.did)
	staged := err == nil
	if errors.Is(err, keys.ErrNoKey) {
		key, err = r.Vault.ReadSigningKey(r.dir, r.did)
	}
	if err != nil {
		return fmt.Errorf("%w: signing key: %w", ErrUnavailable, r.unexpected(err))
	}
	if p, err := key.PublicKey(); err != nil || p.DIDKey() != public {
		return ErrNoStagedKey
	}
	if staged {
		if err := r.Vault.AdoptNextKey(r.dir, r.did); err != nil {
			return r.unexpected(err)
		}
	}
	r.key = nil // read again before the next signature
	return nil
}

// dropKey lets writes go on with the current key.
func (r *Repo) dropKey(ctx context.Context, _ DropKey, answer func(sequencing.Head, error)) {
	r.beforeHeld(job{ctx: ctx, refuse: func(err error) { answer(sequencing.Head{}, err) }, alone: func() {
		if err := r.Vault.DropNextKey(r.dir); err != nil {
			answer(sequencing.Head{}, r.unexpected(err))
			return
		}
		r.held = holdNone
		answer(headOf(r.state), nil)
	}})
}

// beforeHeld runs what ends a hold. A chain that is on its way meanwhile has changed
// how the account stands and is signed by nobody; what waits is decided behind it.
func (r *Repo) beforeHeld(j job) {
	if r.held == holdNone {
		r.enqueue(j)
		return
	}
	j.alone()
	r.pumpIfIdle()
}
