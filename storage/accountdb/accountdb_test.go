package accountdb

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/sqlite"
)

var (
	ctx  = context.Background()
	noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func open(t *testing.T) *DB {
	t.Helper()
	db, err := Open(ctx, filepath.Join(t.TempDir(), FileName), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// must runs fn in a transaction that has to succeed and to leave a sound file.
func must(t *testing.T, db *DB, fn func(*Tx) error) {
	t.Helper()
	if err := db.Transact(ctx, fn); err != nil {
		t.Fatal(err)
	}
	if bad := problems(t, db); len(bad) > 0 {
		t.Fatalf("broken invariants: %v", bad)
	}
}

func problems(t *testing.T, db *DB) (bad []Problem) {
	t.Helper()
	if err := db.Read(ctx, func(r *Reader) (err error) { bad, err = r.Check(); return err }); err != nil {
		t.Fatal(err)
	}
	return bad
}

// person adds an account with a password.
func person(tx *Tx, name string) error {
	did := syntax.DID("did:plc:" + name)
	err := tx.InsertActor(Actor{DID: did, Handle: syntax.Handle(name + ".test"), CreatedAt: noon, Status: Active})
	return errors.Join(err, tx.InsertAccount(Account{DID: did, Email: Email(name + "@mail.test"), Password: "hash"}))
}

func TestRows(t *testing.T) {
	db := open(t)
	deactivated := Actor{
		DID: "did:plc:a", Handle: "a.test", CreatedAt: noon, Status: Deactivated,
		DeactivatedAt: noon.Add(time.Second), DeleteAfter: noon.Add(time.Hour),
	}
	row := Account{DID: "did:plc:a", Email: "a@mail.test", Password: "hash", ConfirmedAt: noon, InvitesDisabled: true}
	saga := Saga{ID: "s", Kind: "k", DID: "did:plc:b", Step: "one", Data: []byte("{}"), CreatedAt: noon, UpdatedAt: noon}
	app := AppPassword{DID: "did:plc:a", Name: "phone", Password: "h", Privileged: true, CreatedAt: noon}
	must(t, db, func(tx *Tx) error {
		return errors.Join(tx.InsertActor(deactivated), tx.InsertAccount(row), tx.InsertSaga(saga), tx.InsertAppPassword(app),
			tx.InsertActor(Actor{DID: "did:plc:bare", CreatedAt: noon, Status: Takendown, TakedownRef: "x", Locked: true}))
	})
	deactivated.HasPassword = true
	check := func(r *Reader) error {
		if got, _, err := r.Actor("did:plc:a"); err != nil || got != deactivated {
			t.Errorf("actor %+v, %v", got, err)
		}
		if got, found, err := r.ActorByHandle("a.test"); err != nil || !found || got != deactivated {
			t.Errorf("by handle %+v, %v", got, err)
		}
		if got, found, err := r.Account("did:plc:a"); err != nil || !found || got != row {
			t.Errorf("account %+v, %v", got, err)
		}
		if got, found, err := r.AccountByEmail("a@mail.test"); err != nil || !found || got != row {
			t.Errorf("by address %+v, %v", got, err)
		}
		if got, err := r.Sagas("k"); err != nil || len(got) != 1 || got[0].DID != saga.DID || string(got[0].Data) != "{}" || !got[0].CreatedAt.Equal(noon) {
			t.Errorf("sagas %+v, %v", got, err)
		}
		if got, err := r.AppPasswords("did:plc:a"); err != nil || len(got) != 1 || got[0] != app {
			t.Errorf("app passwords %+v, %v", got, err)
		}
		n := 0
		if err := r.Actors(func(a Actor) { n++ }); err != nil || n != 2 {
			t.Errorf("%d actors, %v", n, err)
		}
		if _, found, err := r.Actor("did:plc:nobody"); found || err != nil {
			t.Errorf("found nobody: %v", err)
		}
		return nil
	}
	if err := db.Read(ctx, check); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(db.sql.Path())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestUnique(t *testing.T) {
	for name, second := range map[string]func(*Tx) error{
		"DID": func(tx *Tx) error { return tx.InsertActor(Actor{DID: "did:plc:a", CreatedAt: noon, Status: Active}) },
		"handle": func(tx *Tx) error {
			return tx.InsertActor(Actor{DID: "did:plc:b", Handle: "a.test", CreatedAt: noon, Status: Active})
		},
		"handle not lower": func(tx *Tx) error {
			return tx.InsertActor(Actor{DID: "did:plc:b", Handle: "B.test", CreatedAt: noon, Status: Active})
		},
		"status": func(tx *Tx) error { return tx.InsertActor(Actor{DID: "did:plc:b", CreatedAt: noon, Status: 5}) },
		"address": func(tx *Tx) error {
			return errors.Join(tx.InsertActor(Actor{DID: "did:plc:b", CreatedAt: noon, Status: Active}), tx.InsertAccount(Account{DID: "did:plc:b", Email: "a@mail.test"}))
		},
		"address not lower": func(tx *Tx) error {
			return errors.Join(tx.InsertActor(Actor{DID: "did:plc:b", CreatedAt: noon, Status: Active}), tx.InsertAccount(Account{DID: "did:plc:b", Email: "B@mail.test"}))
		},
		"account without actor": func(tx *Tx) error { return tx.InsertAccount(Account{DID: "did:plc:b", Email: "b@mail.test"}) },
		"token without account": func(tx *Tx) error {
			return tx.InsertRefreshToken(RefreshToken{ID: "x", DID: "did:plc:b", ExpiresAt: noon})
		},
		"token without password": func(tx *Tx) error {
			return tx.InsertRefreshToken(RefreshToken{ID: "x", DID: "did:plc:a", ExpiresAt: noon, AppPassword: "gone"})
		},
		"reservation of no story": func(tx *Tx) error { return tx.InsertReservation(Reservation{Saga: "none", Handle: "b.test"}) },
	} {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			must(t, db, func(tx *Tx) error { return person(tx, "a") })
			if err := db.Transact(ctx, second); !errors.Is(err, sqlite.ErrConstraint) {
				t.Fatalf("%v, want a constraint", err)
			}
			must(t, db, func(tx *Tx) error { return person(tx, "b") })
		})
	}
}

// Everything that hangs on an account goes with it, and an app password takes
// its sessions along.
func TestCascades(t *testing.T) {
	db := open(t)
	token := func(id TokenID, app string) RefreshToken {
		return RefreshToken{ID: id, DID: "did:plc:a", ExpiresAt: noon, AppPassword: app}
	}
	must(t, db, func(tx *Tx) error {
		return errors.Join(person(tx, "a"), tx.InsertAppPassword(AppPassword{DID: "did:plc:a", Name: "phone", Password: "h", CreatedAt: noon}),
			tx.InsertRefreshToken(token("own", "")), tx.InsertRefreshToken(token("phone1", "phone")), tx.InsertRefreshToken(token("phone2", "phone")))
	})
	left := func() (ids string) {
		for _, id := range []TokenID{"own", "phone1", "phone2"} {
			if err := db.Read(ctx, func(r *Reader) error {
				k, found, err := r.RefreshToken(id)
				if found {
					ids += string(k.ID) + " "
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		return ids
	}
	must(t, db, func(tx *Tx) error { return tx.DeleteAppPassword("did:plc:a", "phone") })
	if got := left(); got != "own " {
		t.Errorf("after the app password: %q", got)
	}
	must(t, db, func(tx *Tx) error { return tx.DeleteActor("did:plc:a") })
	if got := left(); got != "" {
		t.Errorf("after the account: %q", got)
	}
	must(t, db, func(tx *Tx) error { return person(tx, "a") })
}

func TestStatus(t *testing.T) {
	later := noon.Add(time.Hour)
	for _, c := range []struct {
		name  string
		steps []Status
		want  Actor
	}{
		{"deactivated", []Status{Deactivated}, Actor{Status: Deactivated, DeactivatedAt: later}},
		{"and back", []Status{Deactivated, Active}, Actor{Status: Active}},
		{"taken down keeps that it was deactivated", []Status{Deactivated, Takendown}, Actor{Status: Takendown, DeactivatedAt: later, TakedownRef: "log"}},
		{"lifted to deactivated", []Status{Deactivated, Takendown, Deactivated}, Actor{Status: Deactivated, DeactivatedAt: later}},
		{"lifted", []Status{Takendown, Active}, Actor{Status: Active}},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := open(t)
			must(t, db, func(tx *Tx) error { return person(tx, "a") })
			for _, s := range c.steps {
				must(t, db, func(tx *Tx) error { return tx.SetStatus("did:plc:a", s, later) })
			}
			must(t, db, func(tx *Tx) error {
				got, _, err := tx.Actor("did:plc:a")
				c.want.DID, c.want.Handle, c.want.CreatedAt, c.want.HasPassword = got.DID, got.Handle, got.CreatedAt, true
				if got != c.want {
					t.Errorf("%+v, want %+v", got, c.want)
				}
				return err
			})
		})
	}
}

func TestNested(t *testing.T) {
	db := open(t)
	refusal := errors.New("no")
	must(t, db, func(tx *Tx) error {
		refused, failed := tx.Nested(func(tx *Tx) error { return person(tx, "a") })
		if refused != nil || failed != nil {
			t.Fatal(refused, failed)
		}
		refused, failed = tx.Nested(func(tx *Tx) error { return errors.Join(person(tx, "b"), refusal) })
		if !errors.Is(refused, refusal) || failed != nil {
			t.Fatal(refused, failed)
		}
		refused, failed = tx.Nested(func(tx *Tx) error { return person(tx, "a") }) // half of it, then a constraint
		if !errors.Is(refused, sqlite.ErrConstraint) || failed != nil {
			t.Fatal(refused, failed)
		}
		refused, failed = tx.Nested(func(tx *Tx) error { return person(tx, "c") })
		return errors.Join(refused, failed)
	})
	var names []string
	must(t, db, func(tx *Tx) error { return tx.Actors(func(a Actor) { names = append(names, a.Handle.String()) }) })
	if got := strings.Join(names, " "); got != "a.test c.test" {
		t.Errorf("left %q", got)
	}
}

func TestInviteCounts(t *testing.T) {
	db := open(t)
	saga := Saga{ID: "s", Kind: "k", Step: "one", Data: []byte("{}"), CreatedAt: noon, UpdatedAt: noon}
	used := func() (i Invite) {
		must(t, db, func(tx *Tx) (err error) { i, _, err = tx.Invite("code"); return err })
		return i
	}
	must(t, db, func(tx *Tx) error {
		return errors.Join(tx.InsertInvite(Invite{Code: "code", Uses: 2, ForAccount: "admin", CreatedBy: "admin", CreatedAt: noon}),
			tx.UseInvite("code", "did:plc:first", noon), tx.InsertSaga(saga), tx.InsertReservation(Reservation{Saga: "s", Invite: "code"}))
	})
	if i := used(); i.Used != 2 || i.Available() {
		t.Errorf("with a sign-up under way: %+v", i)
	}
	must(t, db, func(tx *Tx) error { return tx.DeleteSaga("s") })
	if i := used(); i.Used != 1 || !i.Available() {
		t.Errorf("after it failed: %+v", i)
	}
}

// The checker has to find what it is for.
func TestCheck(t *testing.T) {
	for rule, damage := range map[string]string{
		"foreign key":                          `INSERT INTO account (did, email, password) VALUES ('did:plc:x', 'x@mail.test', '')`,
		"exactly one meta row":                 `DELETE FROM meta`,
		"a locked account has no password":     `UPDATE actor SET locked = 1`,
		"a deactivated account says":           `UPDATE actor SET status = 2`,
		"an active account is not deactivated": `UPDATE actor SET delete_after = 1`,
		"only a taken-down account":            `UPDATE actor SET status = 3`,
		"a reserved handle":                    `UPDATE reservation SET handle = 'a.test'`,
		"a reserved address":                   `UPDATE reservation SET email = 'a@mail.test'`,
		"a reserved DID":                       `UPDATE reservation SET did = 'did:plc:a'`,
		"an invite":                            `UPDATE invite_code SET uses = 0`,
		"a rotated token's successor":          `UPDATE refresh_token SET next_id = 'b'`,
		"a token is not its own":               `UPDATE refresh_token SET next_id = id`,
		"a code by mail at sign-in":            `UPDATE account SET email_factor = 1`,
		"a code that was mailed":               `UPDATE email_token SET token = x'41'`,
		"mail that has left":                   `UPDATE mail SET sent_at = 1`,
		"recovery codes are of an":             `UPDATE totp SET confirmed_at = NULL`,
		"a recovery code is stored":            `UPDATE recovery_code SET code = x'41'`,
	} {
		t.Run(rule, func(t *testing.T) {
			db := open(t)
			must(t, db, func(tx *Tx) error {
				return errors.Join(person(tx, "a"), person(tx, "b"),
					tx.InsertSaga(Saga{ID: "s", Kind: "k", Step: "one", Data: []byte("{}"), CreatedAt: noon, UpdatedAt: noon}),
					tx.InsertInvite(Invite{Code: "code", Uses: 1, CreatedAt: noon}),
					tx.InsertReservation(Reservation{Saga: "s", Handle: "c.test", Email: "c@mail.test", DID: "did:plc:c", Invite: "code"}),
					tx.InsertRefreshToken(RefreshToken{ID: "a", DID: "did:plc:a", ExpiresAt: noon}),
					tx.InsertRefreshToken(RefreshToken{ID: "b", DID: "did:plc:b", ExpiresAt: noon}),
					factors(tx, "did:plc:a"))
			})
			err := db.sql.Transact(ctx, func(tx *sqlite.Tx) error {
				if rule == "foreign key" {
					if _, err := tx.Exec(`PRAGMA defer_foreign_keys=ON`); err != nil {
						return err
					}
				}
				if _, err := tx.Exec(damage); err != nil {
					return err
				}
				bad, err := (&Reader{tx.Reader}).Check()
				for _, p := range bad {
					if strings.HasPrefix(p.Rule, rule) {
						return errDamaged
					}
				}
				t.Errorf("not found among %v", bad)
				return err
			})
			if !errors.Is(err, errDamaged) {
				t.Error(err)
			}
		})
	}
}

// factors gives an account whatever second factors and mail there are.
func factors(tx *Tx, did syntax.DID) error {
	hash := bytes.Repeat([]byte{7}, 32)
	return errors.Join(
		tx.PutEmailToken(EmailToken{Purpose: PurposeSignIn, DID: did, Hash: hash, RequestedAt: noon, Tries: 2}),
		tx.InsertMail(Mail{DID: did, Recipient: "a@mail.test", Template: "notice", Data: []byte("{}"), CreatedAt: noon, SendAfter: noon, ExpiresAt: noon.Add(time.Hour)}),
		tx.PutTOTP(TOTP{DID: did, Secret: []byte("sealed"), CreatedAt: noon, ConfirmedAt: noon, LastStep: 5, Failures: 1, LockedUntil: noon}),
		tx.InsertRecoveryCode(did, hash))
}

// Codes, mail and factors are read as they were written, and go with their account.
func TestFactorsAndMail(t *testing.T) {
	db := open(t)
	must(t, db, func(tx *Tx) error { return errors.Join(person(tx, "a"), factors(tx, "did:plc:a")) })
	look := func(fn func(r *Reader) error) {
		t.Helper()
		if err := db.Read(ctx, fn); err != nil {
			t.Fatal(err)
		}
	}
	look(func(r *Reader) error {
		hash := bytes.Repeat([]byte{7}, 32)
		k, _, err := r.EmailToken(PurposeSignIn, "did:plc:a")
		if same, _, _ := r.EmailTokenByHash(PurposeSignIn, hash); err != nil || k.Tries != 2 || !bytes.Equal(k.Hash, hash) || same.DID != k.DID {
			t.Errorf("code %+v, %v", k, err)
		}
		f, _, err := r.TOTP("did:plc:a")
		if err != nil || string(f.Secret) != "sealed" || f.LastStep != 5 || f.Failures != 1 || !f.LockedUntil.Equal(noon) || !f.ConfirmedAt.Equal(noon) {
			t.Errorf("app %+v, %v", f, err)
		}
		due, err := r.DueMail(noon, 10, "")
		if err != nil || len(due) != 1 || due[0].Recipient != "a@mail.test" {
			t.Errorf("mail %+v, %v", due, err)
		}
		for at, want := range map[time.Time]int{noon.Add(-time.Second): 0, noon.Add(time.Hour): 0} {
			if due, err := r.DueMail(at, 10, ""); err != nil || len(due) != want {
				t.Errorf("at %v %+v, %v", at, due, err)
			}
		}
		if due, err := r.DueMail(noon, 10, "moderation"); err != nil || len(due) != 0 {
			t.Errorf("of another template %+v, %v", due, err)
		}
		if next, err := r.NextMail(noon.Add(-time.Second)); err != nil || !next.Equal(noon) {
			t.Errorf("next %v, %v", next, err)
		}
		return nil
	})
	must(t, db, func(tx *Tx) error { return tx.DeleteActor("did:plc:a") })
	for _, table := range []string{"email_token", "mail", "totp", "recovery_code"} {
		if n := count(t, db, table); n != 0 {
			t.Errorf("%d rows of %s outlive the account", n, table)
		}
	}
}

var errDamaged = errors.New("damage was found")
