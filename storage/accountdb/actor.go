package accountdb

import (
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/sqlite"
)

const actorColumns = `SELECT a.did, a.handle, a.created_at, a.status, a.locked, a.takedown_ref, a.deactivated_at, a.delete_after, c.did IS NOT NULL, a.awaits
FROM actor a LEFT JOIN account c ON c.did = a.did `

func scanActor(row *sqlite.Row) Actor {
	return Actor{
		DID:           syntax.DID(row.Text(0)),
		Handle:        syntax.Handle(row.Text(1)),
		CreatedAt:     when(row, 2),
		Status:        Status(row.Int64(3)),
		Locked:        row.Bool(4),
		TakedownRef:   row.Text(5),
		DeactivatedAt: when(row, 6),
		DeleteAfter:   when(row, 7),
		HasPassword:   row.Bool(8),
		Awaits:        Awaits(row.Int64(9)),
	}
}

const (
	selectSigned = `SELECT did FROM account ORDER BY did`
	selectActors = `SELECT did, handle, created_at, status, locked, takedown_ref, deactivated_at, delete_after, 0, awaits FROM actor ORDER BY did`
)

// Actors calls fn for every hosted account, in the order of their DIDs. Two
// scans side by side: a join would look every account up by itself, which is
// most of what starting a large server costs.
func (r *Reader) Actors(fn func(Actor)) error {
	var signed []syntax.DID
	err := r.sql.Each(selectSigned, func(row *sqlite.Row) error {
		signed = append(signed, syntax.DID(row.Text(0)))
		return nil
	})
	if err != nil {
		return err
	}
	return r.sql.Each(selectActors, func(row *sqlite.Row) error {
		a := scanActor(row)
		if len(signed) > 0 && signed[0] == a.DID { // an account has an actor, and the same order
			a.HasPassword, signed = true, signed[1:]
		}
		fn(a)
		return nil
	})
}

const selectActor = actorColumns + `WHERE a.did = ?`

// Actor finds a hosted account.
func (r *Reader) Actor(did syntax.DID) (a Actor, found bool, err error) {
	found, err = r.sql.One(selectActor, func(row *sqlite.Row) error {
		a = scanActor(row)
		return nil
	}, did)
	return a, found, err
}

const selectActorByHandle = actorColumns + `WHERE a.handle = ?`

// ActorByHandle finds the account that holds a normalised handle.
func (r *Reader) ActorByHandle(h syntax.Handle) (a Actor, found bool, err error) {
	found, err = r.sql.One(selectActorByHandle, func(row *sqlite.Row) error {
		a = scanActor(row)
		return nil
	}, h)
	return a, found, err
}

const insertActor = `INSERT INTO actor (did, handle, created_at, status, locked, takedown_ref, deactivated_at, delete_after, awaits) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`

// InsertActor adds a hosted account.
func (t *Tx) InsertActor(a Actor) error {
	_, err := t.sql.Exec(insertActor, a.DID, null(a.Handle), a.CreatedAt.UnixMicro(), a.Status, a.Locked, null(a.TakedownRef), micros(a.DeactivatedAt), micros(a.DeleteAfter), a.Awaits)
	return err
}

// A state that is not "deactivated" keeps deactivated_at only under a takedown,
// so that lifting the takedown finds the account as its owner left it.
const updateStatus = `UPDATE actor SET status = ?1,
	deactivated_at = CASE WHEN ?1 = 2 THEN coalesce(deactivated_at, ?2) WHEN ?1 = 1 THEN NULL ELSE deactivated_at END,
	delete_after = CASE WHEN ?1 = 1 THEN NULL ELSE delete_after END,
	takedown_ref = CASE WHEN ?1 = 3 THEN coalesce(takedown_ref, 'log') ELSE NULL END,
	awaits = CASE WHEN ?1 = 1 THEN 0 ELSE awaits END
WHERE did = ?3`

// SetStatus records the state an account is in since at.
func (t *Tx) SetStatus(did syntax.DID, s Status, at time.Time) error {
	_, err := t.sql.Exec(updateStatus, s, at.UnixMicro(), did)
	return err
}

const updateStanding = `UPDATE actor SET status = ?1, takedown_ref = ?2, deactivated_at = ?3, delete_after = ?4,
	awaits = CASE WHEN ?1 = 1 THEN 0 ELSE awaits END
WHERE did = ?5`

// SetStanding records the state an account is in, and why.
func (t *Tx) SetStanding(a Actor) error {
	_, err := t.sql.Exec(updateStanding, a.Status, null(a.TakedownRef), micros(a.DeactivatedAt), micros(a.DeleteAfter), a.DID)
	return err
}

const selectOverdue = `SELECT did FROM actor WHERE delete_after IS NOT NULL AND delete_after <= ? AND status = 2 ORDER BY delete_after, did LIMIT ?`

// Overdue lists deactivated accounts that were to be deleted by a time, the
// longest overdue first. One that is taken down stays: what it did is being
// looked into.
func (r *Reader) Overdue(by time.Time, limit int) (all []syntax.DID, err error) {
	err = r.sql.Each(selectOverdue, func(row *sqlite.Row) error {
		all = append(all, syntax.DID(row.Text(0)))
		return nil
	}, by.UnixMicro(), limit)
	return all, err
}

const (
	clearHandle   = `UPDATE actor SET handle = NULL WHERE handle = ? AND did <> ?`
	clearReserved = `UPDATE reservation SET handle = NULL WHERE handle = ? AND did IS NOT ?`
	updateHandle  = `UPDATE actor SET handle = ? WHERE did = ?`
)

// SetHandle gives a normalised handle ("": none) to an account, taking it from
// whoever has or reserved it.
func (t *Tx) SetHandle(did syntax.DID, h syntax.Handle) error {
	if h != "" {
		if _, err := t.sql.Exec(clearHandle, h, did); err != nil {
			return err
		}
		if _, err := t.sql.Exec(clearReserved, h, did); err != nil {
			return err
		}
	}
	_, err := t.sql.Exec(updateHandle, null(h), did)
	return err
}

const deleteActor = `DELETE FROM actor WHERE did = ?`

// DeleteActor removes an account and everything that hangs on it.
func (t *Tx) DeleteActor(did syntax.DID) error {
	_, err := t.sql.Exec(deleteActor, did)
	return err
}
