package repodb

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/mst"
	"troupe/storage/sqlite"
)

// recentLooks bounds how many rows one search for recent records looks up: some
// ten milliseconds. Whoever is that far behind is told less.
const recentLooks = 1024

// Recent returns the newest records of a collection that came in after rev, at
// most limit of them, oldest first. It finds them as ExportSince does, below the
// nodes that are new, and looks only where the collection lies.
func (r *Reader) Recent(collection syntax.NSID, rev syntax.TID, limit int) ([]Record, error) {
	root, ok, err := r.Root()
	if err != nil || !ok || root.Rev <= rev {
		return nil, err
	}
	w := recentWalk{db: r, since: revInt(rev), looks: recentLooks, lo: string(collection) + "/", hi: string(collection) + "0"} // '0' follows '/'
	w.record = func(key string) error {
		rec, isNew, err := w.look(key)
		if err == nil && isNew && rec.Takedown == "" {
			w.found = append(w.found, rec)
		}
		return err
	}
	if err := w.node(root.Data); err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	slices.SortFunc(w.found, func(a, b Record) int {
		return cmp.Or(cmp.Compare(a.Rev, b.Rev), cmp.Compare(a.RKey, b.RKey))
	})
	return w.found[max(0, len(w.found)-limit):], nil
}

// AnyUntil says whether a record has been there since rev or before. It may miss
// one in a repository in which next to everything is newer.
func (r *Reader) AnyUntil(rev syntax.TID) (found bool, err error) {
	root, ok, err := r.Root()
	if err != nil || !ok {
		return false, err
	}
	w := recentWalk{db: r, since: revInt(rev), looks: recentLooks}
	w.old = func() error {
		found = true
		return errEnough
	}
	w.record = func(key string) error {
		_, _, err := w.look(key)
		return err
	}
	err = w.node(root.Data)
	if errors.Is(err, errEnough) {
		err = nil
	}
	return found, err
}

// recentWalk goes through what is new in the tree, from its end.
type recentWalk struct {
	db     *Reader
	since  int64
	looks  int    // left
	lo, hi string // keys outside are not looked at; "": no bound

	record func(key string) error
	old    func() error // what lies in the bounds and is not new; nil: nobody asks

	found []Record
}

const (
	recentNode = `SELECT block FROM node WHERE cid = ? AND rev > ?`
	recentRow  = `SELECT rev FROM record WHERE collection = ? AND rkey = ?`
)

func (w *recentWalk) node(c cid.Cid) error {
	if err := w.spend(); err != nil {
		return err
	}
	var block []byte
	isNew, err := w.db.sql.One(recentNode, func(row *sqlite.Row) error {
		block = row.Blob(0)
		return nil
	}, c.Bytes(), w.since)
	if err != nil {
		return err
	}
	if !isNew {
		return w.met()
	}
	return mst.EachItemDown(block, func(i mst.Item) error {
		switch {
		case i.Key == "" && w.overlaps(i.Lo, i.Hi):
			return w.node(i.CID)
		case i.Key != "" && i.Key > w.lo && (w.hi == "" || i.Key < w.hi):
			return w.record(i.Key)
		}
		return nil
	})
}

// look reads a record if it is new.
func (w *recentWalk) look(key string) (rec Record, isNew bool, err error) {
	if err := w.spend(); err != nil {
		return rec, false, err
	}
	collection, rkey, _ := strings.Cut(key, "/")
	var rev int64
	there, err := w.db.sql.One(recentRow, func(row *sqlite.Row) error {
		rev = row.Int64(0)
		return nil
	}, collection, rkey)
	switch {
	case err != nil:
		return rec, false, err
	case !there:
		return rec, false, fmt.Errorf("%w: record %s is missing", sqlite.ErrCorrupt, key)
	case rev <= w.since:
		return rec, false, w.met()
	case w.old != nil:
		return rec, true, nil
	}
	rec, _, err = w.db.Record(syntax.NSID(collection), syntax.RecordKey(rkey))
	return rec, true, err
}

func (w *recentWalk) met() error {
	if w.old == nil {
		return nil
	}
	return w.old()
}

func (w *recentWalk) spend() error {
	if w.looks--; w.looks < 0 {
		return errEnough
	}
	return nil
}

// overlaps: whether keys between lo and hi may lie within the bounds.
func (w *recentWalk) overlaps(lo, hi string) bool {
	return (hi == "" || hi > w.lo) && (w.hi == "" || lo < w.hi)
}
