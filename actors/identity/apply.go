package identity

import (
	"context"
	"errors"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/diddb"
	"troupe/storage/sqlite"
)

// documentLanded is the turn in which a lookup comes back: remember, then answer.
func (i *Identities) documentLanded(did syntax.DID, d document, err error) {
	switch {
	case err == nil:
		i.failedAt.Remove(did.String())
		i.remember(func(db *diddb.DB) error {
			return db.PutDocument(i.life, diddb.Document{DID: did, JSON: d.raw, FetchedAt: i.options.Now()})
		})
	case errors.Is(err, ErrNotFound):
		i.remember(func(db *diddb.DB) error { return db.DeleteDocument(i.life, did) })
	default:
		i.failedAt.Add(did.String(), i.options.Now())
	}
	i.trim()
	i.dids.land(did, d, err)
}

func (i *Identities) handleLanded(h syntax.Handle, did syntax.DID, err error) {
	switch {
	case err == nil:
		i.failedAt.Remove(h.String())
		i.remember(func(db *diddb.DB) error {
			return db.PutHandle(i.life, diddb.Handle{Handle: h, DID: did, FetchedAt: i.options.Now()})
		})
	case errors.Is(err, ErrHandleNotFound), errors.Is(err, ErrHandleAmbiguous):
		i.remember(func(db *diddb.DB) error { return db.DeleteHandle(i.life, h) })
	default:
		i.failedAt.Add(h.String(), i.options.Now())
	}
	i.trim()
	i.handles.land(h, did, err)
}

func (i *Identities) forget(_ context.Context, m Forget) (struct{}, error) {
	if m.DID != "" {
		i.remember(func(db *diddb.DB) error { return db.DeleteDocument(i.life, m.DID) })
	}
	if m.Handle != "" {
		i.remember(func(db *diddb.DB) error { return db.DeleteHandle(i.life, m.Handle.Normalize()) })
	}
	return struct{}{}, nil
}

// due reports whether a stale entry may be asked for again.
func (i *Identities) due(key string) bool {
	at, failed := i.failedAt.Get(key)
	if !failed {
		return true
	}
	since := i.options.Now().Sub(at)
	return since < 0 || since >= restAfterFailure
}

func (i *Identities) cachedDocument(did syntax.DID) (d document, age time.Duration, ok bool) {
	i.remember(func(db *diddb.DB) error {
		row, found, err := db.Document(i.life, did)
		if err != nil || !found {
			return err
		}
		d, err = parseDocument(did, row.JSON)
		age, ok = i.options.Now().Sub(row.FetchedAt), err == nil
		return nil // a row that does not parse is a miss and will be overwritten
	})
	return d, age, ok
}

func (i *Identities) cachedHandle(h syntax.Handle) (did syntax.DID, age time.Duration, ok bool) {
	i.remember(func(db *diddb.DB) error {
		row, found, err := db.Handle(i.life, h)
		did, age, ok = row.DID, i.options.Now().Sub(row.FetchedAt), found && err == nil
		return err
	})
	return did, age, ok
}

func (i *Identities) trim() {
	if i.landings++; i.landings%trimEvery == 0 {
		i.trimNow(i.life, Trim{})
	}
}

// trimNow is for a server on which lookups are rare: rows would stay until many
// have landed.
func (i *Identities) trimNow(context.Context, Trim) (removed int, _ error) {
	i.remember(func(db *diddb.DB) (err error) {
		removed, err = db.Trim(i.life, i.options.Now().Add(-i.options.Stale), i.options.Keep)
		return err
	})
	return removed, nil
}

// remember touches the cache. Its failures never become an answer: without the file
// the server is slower, not wrong. A file found damaged is replaced on the spot.
func (i *Identities) remember(touch func(*diddb.DB) error) {
	if i.db == nil {
		return
	}
	err := touch(i.db)
	if err == nil || i.life.Err() != nil {
		return
	}
	i.options.Log.Warn("identity cache failed", "err", err)
	if !errors.Is(err, sqlite.ErrCorrupt) {
		return
	}
	i.db.Close()
	i.db = nil
	if err := diddb.Remove(i.options.Path); err != nil {
		i.options.Log.Warn("identity cache is off", "err", err)
		return
	}
	if err := i.open(i.life); err != nil {
		i.options.Log.Warn("identity cache is off", "err", err)
	}
}
