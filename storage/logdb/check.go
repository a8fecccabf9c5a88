package logdb

import (
	"fmt"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/sqlite"
)

// Violation is something in a log that its writer never does.
type Violation struct {
	Seq  int64      // the row, or 0
	DID  syntax.DID // the account, or ""
	Text string
}

func (v Violation) String() string {
	return fmt.Sprintf("seq %d, %s: %s", v.Seq, v.DID, v.Text)
}

// The kinds and states whose rules are checked here, as sequencing numbers them.
const (
	kindCommit    = 1
	kindImport    = 7
	statusDeleted = 5
)

// Check walks the whole log and returns what contradicts its rules:
//
//   - every row matches its checksum and belongs to a head;
//   - public rows have a frame, and frames carry the number, the DID, the rev
//     and the commit of their row;
//   - the revs of a DID rise, and since and prevData of each commit are the rev
//     and data that the entry before it left;
//   - every head is what its newest rows say;
//   - no number is above the ceiling.
//
// It keeps a few hundred bytes per account in memory. Rows that were pruned
// cannot be missed: the first row of an account is taken as it is.
func (r *Reader) Check(ceiling int64) ([]Violation, error) {
	c := &checker{accounts: map[int64]*checked{}}
	if err := r.sql.Each(selectChecked, c.row); err != nil {
		return nil, err
	}
	if err := r.sql.Each(selectAllHeads, c.head); err != nil {
		return nil, err
	}
	_, err := r.sql.One(countOrphans, func(row *sqlite.Row) error {
		if n := row.Int64(0); n > 0 {
			c.add(0, "", "%d rows belong to no head", n)
		}
		return nil
	})
	if c.highest > ceiling {
		c.add(c.highest, "", "above the ceiling %d", ceiling)
	}
	return c.found, err
}

const (
	selectChecked  = `SELECT ` + entryColumns + entryTables + `ORDER BY log.seq`
	selectAllHeads = `SELECT ` + headColumns + ` FROM head ORDER BY id`
	countOrphans   = `SELECT count(*) FROM log WHERE account NOT IN (SELECT id FROM head)`
)

type checker struct {
	accounts map[int64]*checked
	highest  int64
	found    []Violation
}

// checked is what the rows of one account have come to.
type checked struct {
	seq          int64
	rev          syntax.TID // highest that the account's own commits reached
	commit, data cid.Cid
	status       uint8
	kind         uint8 // of the last entry that moved the repo
	fresh        bool  // deleted: the next commit begins anew
}

func (c *checker) add(seq int64, did syntax.DID, format string, args ...any) {
	c.found = append(c.found, Violation{seq, did, fmt.Sprintf(format, args...)})
}

func (c *checker) row(row *sqlite.Row) error {
	var e Entry
	if err := e.read(row); err != nil {
		c.add(row.Int64(0), syntax.DID(row.Text(2)), "%v", err)
		return nil
	}
	c.highest = max(c.highest, e.Seq)
	bad := func(format string, args ...any) { c.add(e.Seq, e.DID, format, args...) }
	a, seen := c.accounts[e.Account]
	if !seen {
		a = &checked{}
		c.accounts[e.Account] = a
	}
	if e.Public && len(e.Frame) == 0 {
		bad("public without a frame")
	}
	if len(e.Frame) > 0 {
		checkFrame(&e, a, seen, bad)
	}
	if e.Rev != "" && e.Kind != kindImport && e.Rev <= a.rev {
		bad("rev %s does not rise above %s", e.Rev, a.rev)
	}
	a.take(&e)
	return nil
}

func checkFrame(e *Entry, a *checked, seen bool, bad func(string, ...any)) {
	f, err := readFrame(e.Frame)
	if err != nil {
		bad("frame: %v", err)
		return
	}
	if f.seq != e.Seq {
		bad("frame carries number %d", f.seq)
	}
	if f.did != e.DID {
		bad("frame is about %q", f.did)
	}
	if e.Kind != kindCommit {
		return
	}
	if f.rev != e.Rev {
		bad("frame carries rev %q, the row %q", f.rev, e.Rev)
	}
	if !f.commit.Equals(e.Commit) {
		bad("frame carries commit %s, the row %s", f.commit, e.Commit)
	}
	switch {
	case !seen || a.kind == 0 && !a.fresh:
		// What came before may be pruned.
	case a.fresh || a.kind != kindCommit && f.since == "":
		if f.since != "" || f.prevData.Defined() {
			bad("a first commit continues %q", f.since)
		}
	default:
		if f.since != a.rev {
			bad("since is %q, the commit before has %q", f.since, a.rev)
		}
		if !f.prevData.Equals(a.data) {
			bad("prevData is %s, the commit before has %s", f.prevData, a.data)
		}
	}
}

func (a *checked) take(e *Entry) {
	a.seq = e.Seq
	if e.Rev != "" {
		a.rev = e.Rev
	}
	if e.Commit.Defined() {
		a.commit = e.Commit
	}
	if e.Data.Defined() {
		a.data = e.Data
	}
	if e.Rev != "" || e.Commit.Defined() || e.Data.Defined() {
		a.kind, a.fresh = e.Kind, false
	}
	if e.Status != 0 {
		a.status = e.Status
		if e.Status == statusDeleted {
			a.fresh = true
		}
	}
}

func (c *checker) head(row *sqlite.Row) error {
	var h Head
	if err := h.scan(row); err != nil {
		c.add(0, syntax.DID(row.Text(1)), "head: %v", err)
		return nil
	}
	c.judge(&h)
	return nil
}

// judge compares a head with what its rows came to.
func (c *checker) judge(h *Head) {
	c.highest = max(c.highest, h.Seq)
	bad := func(format string, args ...any) { c.add(h.Seq, h.DID, "head: "+format, args...) }
	if h.Applied > h.Seq {
		bad("applied up to %d", h.Applied)
	}
	if h.Status == 0 || h.Status > statusDeleted {
		bad("status %d", h.Status)
	}
	if h.Incarnation < 1 {
		bad("incarnation %d", h.Incarnation)
	}
	a := c.accounts[h.ID]
	if a == nil {
		if h.Applied < h.Seq {
			bad("its entries are gone, and its file has them only up to %d", h.Applied)
		}
		return
	}
	if a.seq > h.Seq || a.seq < h.Seq && h.Applied < h.Seq {
		bad("newest entry is %d", a.seq)
	}
	if a.status != 0 && a.status != h.Status && a.seq == h.Seq {
		bad("status %d, its entries say %d", h.Status, a.status)
	}
	if a.seq != h.Seq || a.kind == 0 {
		return
	}
	if a.rev != h.Rev || !a.commit.Equals(h.Commit) || !a.data.Equals(h.Data) {
		bad("rev %s commit %s data %s, its entries say %s, %s, %s", h.Rev, h.Commit, h.Data, a.rev, a.commit, a.data)
	}
}

const selectCheckedOf = `SELECT ` + entryColumns + entryTables + `WHERE log.account = ? ORDER BY log.seq`

// CheckAccount is Check for the rows and the head of one DID.
func (r *Reader) CheckAccount(h Head, ceiling int64) ([]Violation, error) {
	c := &checker{accounts: map[int64]*checked{}}
	if err := r.sql.Each(selectCheckedOf, c.row, h.ID); err != nil {
		return nil, err
	}
	c.judge(&h)
	if c.highest > ceiling {
		c.add(c.highest, h.DID, "above the ceiling %d", ceiling)
	}
	return c.found, nil
}

// Integrity is SQLite's own check of the whole file.
func (r *Reader) Integrity() ([]string, error) { return r.sql.Integrity() }
