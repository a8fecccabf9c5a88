package accountdb

import (
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/sqlite"
)

const mailColumns = `SELECT id, did, recipient, template, data, created_at, send_after, expires_at, attempts, sent_at, failure FROM mail `

func scanMail(row *sqlite.Row) Mail {
	return Mail{
		ID:        MailID(row.Int64(0)),
		DID:       syntax.DID(row.Text(1)),
		Recipient: Email(row.Text(2)),
		Template:  Template(row.Text(3)),
		Data:      row.Blob(4),
		CreatedAt: when(row, 5),
		SendAfter: when(row, 6),
		ExpiresAt: when(row, 7),
		Attempts:  row.Int64(8),
		SentAt:    when(row, 9),
		Failure:   row.Text(10),
	}
}

const insertMail = `INSERT INTO mail (did, recipient, template, data, created_at, send_after, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)`

// InsertMail adds a mail; its number is given to it.
func (t *Tx) InsertMail(m Mail) error {
	_, err := t.sql.Exec(insertMail, null(m.DID), m.Recipient, m.Template, m.Data, m.CreatedAt.UnixMicro(), micros(m.SendAfter), m.ExpiresAt.UnixMicro())
	return err
}

const deleteUnsentMail = `DELETE FROM mail WHERE did = ? AND template = ? AND sent_at IS NULL AND attempts = 0`

// DeleteUnsentMail removes an account's mail of a template that nobody has begun
// to send: a newer one says the same with a newer code.
func (t *Tx) DeleteUnsentMail(did syntax.DID, template Template) error {
	_, err := t.sql.Exec(deleteUnsentMail, did, template)
	return err
}

const selectDueMail = mailColumns + `WHERE send_after <= ?1 AND expires_at > ?1 AND (?3 IS NULL OR template = ?3) ORDER BY send_after, id LIMIT ?2`

// DueMail lists mail that is to be sent now, a bounded number; of one template
// if only is not "".
func (r *Reader) DueMail(now time.Time, limit int, only Template) (due []Mail, err error) {
	err = r.sql.Each(selectDueMail, func(row *sqlite.Row) error {
		due = append(due, scanMail(row))
		return nil
	}, now.UnixMicro(), limit, null(only))
	return due, err
}

const selectNextMail = `SELECT min(send_after) FROM mail WHERE send_after > ?1 AND expires_at > ?1`

// NextMail is when the next mail is due after now; the zero time if none will be.
func (r *Reader) NextMail(now time.Time) (at time.Time, err error) {
	_, err = r.sql.One(selectNextMail, func(row *sqlite.Row) error {
		at = when(row, 0)
		return nil
	}, now.UnixMicro())
	return at, err
}

const selectMails = mailColumns + `ORDER BY id DESC LIMIT ?`

// Mails lists the newest mail, whatever became of it.
func (r *Reader) Mails(limit int) (all []Mail, err error) {
	err = r.sql.Each(selectMails, func(row *sqlite.Row) error {
		all = append(all, scanMail(row))
		return nil
	}, limit)
	return all, err
}

const selectMail = mailColumns + `WHERE id = ?`

// Mail finds a mail.
func (r *Reader) Mail(id MailID) (m Mail, found bool, err error) {
	found, err = r.sql.One(selectMail, func(row *sqlite.Row) error {
		m = scanMail(row)
		return nil
	}, id)
	return m, found, err
}

const countMail = `SELECT count(*) FROM mail WHERE recipient = ? AND template = ? AND created_at > ?`

// CountMail is how much mail of a template an address was sent, or is to be, since a time.
func (r *Reader) CountMail(to Email, template Template, since time.Time) (n int64, err error) {
	_, err = r.sql.One(countMail, func(row *sqlite.Row) error {
		n = row.Int64(0)
		return nil
	}, to, template, since.UnixMicro())
	return n, err
}

const updateMailSent = `UPDATE mail SET sent_at = ?, send_after = NULL, data = x'', attempts = attempts + 1, failure = NULL WHERE id = ? AND sent_at IS NULL`

// MailSent records that a mail has left, and forgets what it said.
func (t *Tx) MailSent(id MailID, at time.Time) error {
	_, err := t.sql.Exec(updateMailSent, at.UnixMicro(), id)
	return err
}

const updateMailFailed = `UPDATE mail SET send_after = ?, attempts = attempts + 1, failure = ? WHERE id = ? AND sent_at IS NULL`

// MailFailed records why a mail did not leave, and when to try again; the zero
// time is never.
func (t *Tx) MailFailed(id MailID, again time.Time, why string) error {
	_, err := t.sql.Exec(updateMailFailed, micros(again), why, id)
	return err
}
