package accountdb

import (
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/sqlite"
)

const sagaColumns = `SELECT id, kind, did, step, data, created_at, updated_at FROM saga `

func scanSaga(row *sqlite.Row) Saga {
	return Saga{
		ID: SagaID(row.Text(0)), Kind: row.Text(1), DID: syntax.DID(row.Text(2)), Step: row.Text(3), Data: row.Blob(4),
		CreatedAt: when(row, 5), UpdatedAt: when(row, 6),
	}
}

const selectSaga = sagaColumns + `WHERE id = ?`

// Saga finds a story.
func (r *Reader) Saga(id SagaID) (s Saga, found bool, err error) {
	found, err = r.sql.One(selectSaga, func(row *sqlite.Row) error {
		s = scanSaga(row)
		return nil
	}, id)
	return s, found, err
}

const selectSagaOf = sagaColumns + `WHERE did = ?`

// SagaOf finds the story of a DID.
func (r *Reader) SagaOf(did syntax.DID) (s Saga, found bool, err error) {
	found, err = r.sql.One(selectSagaOf, func(row *sqlite.Row) error {
		s = scanSaga(row)
		return nil
	}, did)
	return s, found, err
}

const selectSagas = sagaColumns + `WHERE kind = ? ORDER BY created_at, id`

// Sagas lists the stories of a kind, oldest first.
func (r *Reader) Sagas(kind string) (all []Saga, err error) {
	err = r.sql.Each(selectSagas, func(row *sqlite.Row) error {
		all = append(all, scanSaga(row))
		return nil
	}, kind)
	return all, err
}

const insertSaga = `INSERT INTO saga (id, kind, did, step, data, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)`

// InsertSaga begins a story.
func (t *Tx) InsertSaga(s Saga) error {
	_, err := t.sql.Exec(insertSaga, s.ID, s.Kind, null(s.DID), s.Step, s.Data, s.CreatedAt.UnixMicro(), s.UpdatedAt.UnixMicro())
	return err
}

const updateSaga = `UPDATE saga SET did = ?, step = ?, data = ?, updated_at = ? WHERE id = ?`

// UpdateSaga stores a story's next step; false if there is no such story.
func (t *Tx) UpdateSaga(s Saga) (found bool, err error) {
	n, err := t.sql.Exec(updateSaga, null(s.DID), s.Step, s.Data, s.UpdatedAt.UnixMicro(), s.ID)
	return n > 0, err
}

const deleteSaga = `DELETE FROM saga WHERE id = ?`

// DeleteSaga ends a story and frees the names it holds.
func (t *Tx) DeleteSaga(id SagaID) error {
	_, err := t.sql.Exec(deleteSaga, id)
	return err
}

const reservationColumns = `SELECT saga, did, handle, email, invite FROM reservation `

func scanReservation(row *sqlite.Row) Reservation {
	return Reservation{
		Saga: SagaID(row.Text(0)), DID: syntax.DID(row.Text(1)), Handle: syntax.Handle(row.Text(2)),
		Email: Email(row.Text(3)), Invite: InviteCode(row.Text(4)),
	}
}

const selectReservation = reservationColumns + `WHERE saga = ?`

// Reservation finds what a story holds.
func (r *Reader) Reservation(id SagaID) (res Reservation, found bool, err error) {
	found, err = r.sql.One(selectReservation, func(row *sqlite.Row) error {
		res = scanReservation(row)
		return nil
	}, id)
	return res, found, err
}

const selectReservations = reservationColumns + `WHERE handle = ? OR email = ? OR did = ?`

// Reservations finds the stories that hold any of these names.
func (r *Reader) Reservations(h syntax.Handle, e Email, did syntax.DID) (all []Reservation, err error) {
	err = r.sql.Each(selectReservations, func(row *sqlite.Row) error {
		all = append(all, scanReservation(row))
		return nil
	}, null(h), null(e), null(did))
	return all, err
}

const insertReservation = `INSERT INTO reservation (saga, did, handle, email, invite) VALUES (?, ?, ?, ?, ?)`

// InsertReservation makes a story the holder of names.
func (t *Tx) InsertReservation(r Reservation) error {
	_, err := t.sql.Exec(insertReservation, r.Saga, null(r.DID), null(r.Handle), null(r.Email), null(r.Invite))
	return err
}

const deleteReservation = `DELETE FROM reservation WHERE saga = ?`

// DeleteReservation frees what a story holds.
func (t *Tx) DeleteReservation(id SagaID) error {
	_, err := t.sql.Exec(deleteReservation, id)
	return err
}
