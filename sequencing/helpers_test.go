package sequencing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
	dto "github.com/prometheus/client_model/go"

	"troupe/storage/dag"
	"troupe/storage/logdb"
)

var quiet = slog.New(slog.DiscardHandler)

var ctx = context.Background()

func testDID(i int) syntax.DID { return syntax.DID(fmt.Sprintf("did:plc:%024d", i)) }

func testCID(parts ...any) cid.Cid { return dag.Sum(fmt.Append(nil, parts...)) }

// mint is a rev above prev.
func mint(prev syntax.TID) syntax.TID {
	us := time.Now().UnixMicro()
	if prev != "" {
		us = max(us, int64(prev.Integer()>>10)+1)
	}
	return syntax.NewTID(us, 0)
}

// nextCommit is a commit on top of h, its blocks filled with payload.
func nextCommit(h Head, payload []byte, v Visibility) Append {
	rev := mint(h.Rev)
	commit, data := testCID("commit", h.DID, rev), testCID("data", h.DID, rev)
	now := time.Now()
	frame := CommitFrame{
		Repo: h.DID, Commit: commit, Rev: rev, Since: h.Rev, PrevData: h.Data, Blocks: payload, Time: now,
		Ops: []RepoOp{{Action: ActionCreate, Path: "app.bsky.feed.post/" + string(rev), CID: testCID("record", rev)}},
	}
	return Append{
		DID:    h.DID,
		Expect: Expect{Rev: h.Rev, Data: h.Data, Status: h.Status},
		Entries: []Entry{{
			Kind: KindCommit, Visibility: v, Frame: frame.Encode(), Time: now,
			Next: Change{Rev: rev, Commit: commit, Data: data},
			Effects: Effects{
				New:     []cid.Cid{commit, data, testCID("record", rev), testCID("node", rev)},
				Removed: []cid.Cid{h.Commit, h.Data, testCID("old", rev)}[:removed(h)],
			},
		}},
	}
}

func removed(h Head) int {
	if h.Commit.Defined() {
		return 3
	}
	return 0
}

// firstCommit creates an account: identity, account and commit as one chain.
func firstCommit(did syntax.DID, size int) Append {
	a := nextCommit(Head{DID: did}, make([]byte, size), Public)
	now := a.Entries[0].Time
	a.Expect = Expect{New: true}
	a.Entries = append([]Entry{
		{Kind: KindIdentity, Visibility: Public, Time: now, Frame: IdentityFrame{DID: did, Handle: "a.test", Time: now}.Encode()},
		{Kind: KindAccount, Visibility: Public, Time: now, Frame: AccountFrame{DID: did, Active: true, Time: now}.Encode(), Next: Change{Status: StatusActive}},
	}, a.Entries...)
	return a
}

// deletion deletes an account and its rows.
func deletion(h Head) Append {
	now := time.Now()
	return Append{
		DID: h.DID, Expect: Expect{Status: h.Status}, Purge: true,
		Entries: []Entry{{
			Kind: KindAccount, Visibility: Public, Time: now, Next: Change{Status: StatusDeleted},
			Frame: AccountFrame{DID: h.DID, Status: StatusDeleted, Time: now}.Encode(),
		}},
	}
}

// do appends and waits.
func do(l Log, a Append) (Committed, error) {
	type result struct {
		c   Committed
		err error
	}
	answer := make(chan result, 1)
	l.Append(a, func(c Committed, err error) { answer <- result{c, err} })
	r := <-answer
	return r.c, r.err
}

func mustDo(t testing.TB, l Log, a Append) Committed {
	t.Helper()
	c, err := do(l, a)
	if err != nil {
		t.Fatalf("append: %v", err)
	}
	return c
}

func logPath(t testing.TB) string { return filepath.Join(t.TempDir(), "sequencer.sqlite") }

// openTest opens a log that fails the test when its disk does.
func openTest(t testing.TB, path string, o LogOptions) *SQLiteLog {
	t.Helper()
	if o.Fatal == nil {
		o.Fatal = func(err error) { t.Errorf("fatal: %v", err) }
	}
	if o.Logger == nil {
		o.Logger = quiet
	}
	l, err := OpenLog(ctx, path, o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func refusedWith(err error) (Refused, bool) {
	var r Refused
	ok := errors.As(err, &r)
	return r, ok
}

func tid(s string) syntax.TID { return syntax.TID(s) }

// checkLog runs the invariant checker over the log's file.
func checkLog(t testing.TB, path string) {
	t.Helper()
	ceiling, _, err := logdb.ReadCeiling(logdb.CeilingPath(path))
	if err != nil {
		t.Fatal(err)
	}
	v, err := logdb.OpenView(ctx, path, "")
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	err = v.Read(ctx, func(r *logdb.Reader) error {
		found, err := r.Check(ceiling)
		for _, f := range found {
			t.Errorf("invariant: %v", f)
		}
		return err
	})
	if err != nil {
		t.Fatalf("check: %v", err)
	}
}

// history is every public event above after.
func history(t testing.TB, l Log, after Seq) []Event {
	t.Helper()
	var all []Event
	for {
		page, err := l.Events(ctx, after, 7, 1<<20)
		if err != nil {
			t.Fatalf("events: %v", err)
		}
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
		after = page[len(page)-1].Seq
	}
}

// batches counts the transactions that any log has committed so far.
func batches(b testing.TB) uint64 {
	var m dto.Metric
	if err := commitSeconds.Write(&m); err != nil {
		b.Fatal(err)
	}
	return m.GetHistogram().GetSampleCount()
}
