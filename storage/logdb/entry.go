package logdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/sqlite"
)

// ErrChecksum: a stored row is not what was written.
var ErrChecksum = errors.New("logdb: row does not match its checksum")

// Entry is a row of the log. Kind and Status are the numbers of
// sequencing.Kind and sequencing.Status; Time is microseconds since 1970.
type Entry struct {
	Seq          int64
	Account      int64 // Head.ID
	DID          syntax.DID
	Kind         uint8
	Public       bool
	Time         int64
	Rev          syntax.TID // what the entry did to the head: "" nothing
	Commit, Data cid.Cid    // Undef: nothing
	Status       uint8      // 0: nothing
	Effects      []byte
	Frame        []byte
}

const insertEntry = `INSERT INTO log (seq, account, kind, public, time, checksum, rev, commit_cid, data_cid, status, effects, frame)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

// Insert adds one row.
func (t *Tx) Insert(e *Entry) error {
	_, err := t.sql.Exec(insertEntry, e.Seq, e.Account, int64(e.Kind), e.Public, e.Time, int64(e.sum()),
		nullText(string(e.Rev)), cidBytes(e.Commit), cidBytes(e.Data), nullInt(int64(e.Status)),
		nullBytes(e.Effects), nullBytes(e.Frame))
	return err
}

const (
	entryColumns = `log.seq, log.account, head.did, log.kind, log.public, log.time, log.checksum, log.rev, log.commit_cid, log.data_cid, log.status, log.effects, log.frame`
	// The order of the join is ours: number by number, and the name of the account beside it.
	entryTables = ` FROM log CROSS JOIN head ON head.id = log.account `
)

const selectPublic = `SELECT ` + entryColumns + entryTables + `WHERE log.seq > ? AND log.seq <= ? AND log.public ORDER BY log.seq LIMIT ?`

// Public walks public rows in (after, upTo], ascending. Frame and Effects are
// valid until fn returns.
func (r *Reader) Public(after, upTo int64, limit int, fn func(*Entry) error) error {
	return r.entries(selectPublic, fn, after, upTo, limit)
}

const selectOfAccount = `SELECT ` + entryColumns + entryTables + `WHERE log.account = ? AND log.seq > ? ORDER BY log.seq LIMIT ?`

// OfAccount walks the rows of one DID above after, ascending. Frame and Effects
// are valid until fn returns.
func (r *Reader) OfAccount(account, after int64, limit int, fn func(*Entry) error) error {
	return r.entries(selectOfAccount, fn, account, after, limit)
}

const selectAccountKinds = `SELECT ` + entryColumns + entryTables + `WHERE log.seq > ? AND log.kind IN (3, 4) ORDER BY log.seq LIMIT ?`

// Accounts walks the identity and account entries of every DID above after,
// from an index of their own. Frame and Effects are valid until fn returns.
func (r *Reader) Accounts(after int64, limit int, fn func(*Entry) error) error {
	return r.entries(selectAccountKinds, fn, after, limit)
}

const selectAll = `SELECT ` + entryColumns + entryTables + `WHERE log.seq > ? ORDER BY log.seq LIMIT ?`

// All walks every row above after, ascending. Frame and Effects are valid until
// fn returns.
func (r *Reader) All(after int64, limit int, fn func(*Entry) error) error {
	return r.entries(selectAll, fn, after, limit)
}

// entries gives fn only rows that match their checksum; the first that does
// not ends the walk with ErrChecksum.
func (r *Reader) entries(sql string, fn func(*Entry) error, args ...any) error {
	var e Entry
	return r.sql.Each(sql, func(row *sqlite.Row) error {
		if err := e.read(row); err != nil {
			return err
		}
		return fn(&e)
	}, args...)
}

// read takes a row that matches its checksum.
func (e *Entry) read(row *sqlite.Row) error {
	sum, err := e.scan(row)
	if err != nil {
		return err
	}
	if e.sum() != sum {
		return fmt.Errorf("%w: number %d of %s", ErrChecksum, e.Seq, e.DID)
	}
	return nil
}

const selectLast = `SELECT coalesce(max(seq), 0) FROM log`

// Last is the highest number among the rows that are left.
func (r *Reader) Last() (last int64, err error) {
	_, err = r.sql.One(selectLast, func(row *sqlite.Row) error { last = row.Int64(0); return nil })
	return last, err
}

const selectEarliest = `SELECT seq FROM log WHERE time >= ? AND public ORDER BY time, seq LIMIT 1`

// Earliest is the public row with the smallest time not before since.
func (r *Reader) Earliest(since int64) (seq int64, found bool, err error) {
	found, err = r.sql.One(selectEarliest, func(row *sqlite.Row) error { seq = row.Int64(0); return nil }, since)
	return seq, found, err
}

func (e *Entry) scan(row *sqlite.Row) (sum uint32, err error) {
	e.Seq = row.Int64(0)
	e.Account = row.Int64(1)
	e.DID = syntax.DID(row.Text(2))
	e.Kind = uint8(row.Int64(3))
	e.Public = row.Bool(4)
	e.Time = row.Int64(5)
	sum = uint32(row.Int64(6))
	e.Rev = syntax.TID(row.Text(7))
	if e.Commit, err = columnCID(row, 8); err != nil {
		return 0, err
	}
	if e.Data, err = columnCID(row, 9); err != nil {
		return 0, err
	}
	e.Status = uint8(row.Int64(10))
	e.Effects = row.RawBlob(11)
	e.Frame = row.RawBlob(12)
	return sum, nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sum covers every column and the DID, each with its length, so that a row that
// was damaged, or that hangs on the wrong account, is not taken for another.
func (e *Entry) sum() uint32 {
	var buf [256]byte
	b := buf[:0]
	b = binary.BigEndian.AppendUint64(b, uint64(e.Seq))
	b = append(b, e.Kind, boolByte(e.Public), e.Status)
	b = binary.BigEndian.AppendUint64(b, uint64(e.Time))
	for _, s := range [...]string{string(e.DID), string(e.Rev), e.Commit.KeyString(), e.Data.KeyString()} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(e.Effects)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(e.Frame)))
	sum := crc32.Update(0, castagnoli, b)
	sum = crc32.Update(sum, castagnoli, e.Effects)
	return crc32.Update(sum, castagnoli, e.Frame)
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}

func nullText(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func nullInt(n int64) any {
	if n == 0 {
		return nil
	}
	return n
}

func nullBytes(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}
