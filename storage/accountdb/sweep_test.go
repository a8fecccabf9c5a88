package accountdb

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"troupe/storage/sqlite"
)

func count(t *testing.T, db *DB, table string) (n int64) {
	t.Helper()
	err := db.sql.Read(ctx, func(r *sqlite.Reader) error {
		_, err := r.One("SELECT count(*) FROM "+table, func(row *sqlite.Row) error { n = row.Int64(0); return nil })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A sweep goes through all tokens in chunks and removes what has ended, no more.
func TestSweepRefreshTokens(t *testing.T) {
	for _, tokens := range []int{0, 1, sweepChunk - 1, sweepChunk, sweepChunk + 1, 2*sweepChunk + 5} {
		db := open(t)
		must(t, db, func(tx *Tx) error {
			err := person(tx, "a")
			for i := range tokens {
				ends := noon.Add(time.Duration(i%3-1) * time.Hour) // before, at and after noon
				err = errors.Join(err, tx.InsertRefreshToken(RefreshToken{ID: TokenID(fmt.Sprintf("t%05d", i)), DID: "did:plc:a", ExpiresAt: ends}))
			}
			return err
		})
		var removed int64
		var after TokenID
		for chunks := 0; ; chunks++ {
			if chunks > tokens/sweepChunk+1 {
				t.Fatalf("%d tokens: no end after %d chunks", tokens, chunks)
			}
			must(t, db, func(tx *Tx) error {
				n, next, err := tx.SweepRefreshTokens(after, noon)
				if n > sweepChunk {
					t.Errorf("%d rows in one chunk", n)
				}
				removed, after = removed+n, next
				return err
			})
			if after == "" {
				break
			}
		}
		want := int64((tokens + 2) / 3)
		if left := count(t, db, "refresh_token"); removed != want || left != int64(tokens)-want {
			t.Errorf("%d tokens: %d removed and %d left, want %d and %d", tokens, removed, left, want, int64(tokens)-want)
		}
	}
}

func TestSweepEmailTokensAndMail(t *testing.T) {
	db := open(t)
	must(t, db, func(tx *Tx) error { return errors.Join(person(tx, "a"), person(tx, "b")) })
	insert := func(sql string, args ...any) {
		t.Helper()
		if err := db.sql.Transact(ctx, func(tx *sqlite.Tx) error { _, err := tx.Exec(sql, args...); return err }); err != nil {
			t.Fatal(err)
		}
	}
	for name, at := range map[string]time.Time{"a": noon.Add(-time.Second), "b": noon} {
		insert(`INSERT INTO email_token (purpose, did, token, requested_at) VALUES ('confirm_email', ?, ?, ?)`, "did:plc:"+name, bytes.Repeat([]byte(name), 32), at.UnixMicro())
		insert(`INSERT INTO mail (recipient, template, data, created_at, send_after, expires_at) VALUES (?, 't', x'', 0, 0, ?)`, name, at.UnixMicro())
	}
	for _, want := range []int64{1, 0} {
		must(t, db, func(tx *Tx) error {
			tokens, err := tx.SweepEmailTokens(noon)
			mail, err2 := tx.SweepMail(noon)
			if tokens != want || mail != want {
				t.Errorf("%d tokens and %d mails, want %d of each", tokens, mail, want)
			}
			return errors.Join(err, err2)
		})
	}
	if a, b := count(t, db, "email_token"), count(t, db, "mail"); a != 1 || b != 1 {
		t.Errorf("%d tokens and %d mails left", a, b)
	}
}
