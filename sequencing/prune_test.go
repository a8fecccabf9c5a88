package sequencing

import (
	"slices"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

func seqsOf(t *testing.T, l Log, did syntax.DID) []Seq {
	t.Helper()
	var seqs []Seq
	if err := l.Replay(ctx, did, 0, func(e Event) error { seqs = append(seqs, e.Seq); return nil }); err != nil {
		t.Fatal(err)
	}
	return seqs
}

func aged(a Append, at time.Time) Append {
	for i := range a.Entries {
		a.Entries[i].Time = at
	}
	return a
}

func TestPruneTakesOnlyWhatNothingNeeds(t *testing.T) {
	path := logPath(t)
	l := openTest(t, path, LogOptions{})
	old, young := time.Now().Add(-48*time.Hour), time.Now()
	cutoff := young.Add(-24 * time.Hour)

	a := mustDo(t, l, aged(firstCommit(testDID(1), 1), old)).Head  // 1 identity, 2 account, 3 commit
	b := mustDo(t, l, aged(firstCommit(testDID(2), 1), old)).Head  // 4, 5, 6
	a = mustDo(t, l, aged(nextCommit(a, nil, Public), old)).Head   // 7
	a = mustDo(t, l, aged(nextCommit(a, nil, Public), young)).Head // 8
	prune := func(limit int) int {
		t.Helper()
		n, err := l.Prune(ctx, cutoff, limit)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	left := func(wantA, wantB []Seq) {
		t.Helper()
		if got := seqsOf(t, l, a.DID); !slices.Equal(got, wantA) {
			t.Errorf("left of the first account: %v, want %v", got, wantA)
		}
		if got := seqsOf(t, l, b.DID); !slices.Equal(got, wantB) {
			t.Errorf("left of the second account: %v, want %v", got, wantB)
		}
	}

	if n := prune(100); n != 0 {
		t.Errorf("pruned %d rows that no file holds yet", n)
	}
	// The first account's file holds the commit 3, not 7. Its identity and
	// account entries are needed by account.sqlite too.
	if err := l.MarkApplied(ctx, []Applied{{a.DID, 3}}); err != nil {
		t.Fatal(err)
	}
	if n := prune(100); n != 1 {
		t.Errorf("pruned %d", n)
	}
	left([]Seq{1, 2, 7, 8}, []Seq{4, 5, 6})

	if err := l.MarkAccounts(ctx, 4); err != nil {
		t.Fatal(err)
	}
	if err := l.MarkAccounts(ctx, 1); err != nil { // marks never go back
		t.Fatal(err)
	}
	if n := prune(1); n != 1 {
		t.Errorf("pruned %d of at most one", n)
	}
	if n := prune(100); n != 1 {
		t.Errorf("pruned %d", n)
	}
	left([]Seq{7, 8}, []Seq{4, 5, 6})

	// Everything is applied, and only the window keeps number 8.
	if err := l.MarkApplied(ctx, []Applied{{a.DID, 8}, {b.DID, 6}, {a.DID, 2}, {testDID(99), 5}}); err != nil {
		t.Fatal(err)
	}
	if err := l.MarkAccounts(ctx, 8); err != nil {
		t.Fatal(err)
	}
	for prune(2) > 0 {
	}
	left([]Seq{8}, nil)
	if h, _, err := l.Head(ctx, b.DID); err != nil || h.Seq != 6 || h.Applied != 6 || h.Rev != b.Rev {
		t.Errorf("head of an account without rows: %+v, %v", h, err)
	}
	// Nothing that was pruned comes back, and no number either.
	l.Close()
	checkLog(t, path)
	l = openTest(t, path, LogOptions{})
	if c := mustDo(t, l, nextCommit(b, nil, Public)); c.Seqs[0] <= 8 || c.Head.Applied != 6 {
		t.Errorf("committed %+v", c)
	}
}

func TestBehind(t *testing.T) {
	l := openTest(t, logPath(t), LogOptions{})
	var heads []Head
	for i := range 9 {
		heads = append(heads, mustDo(t, l, firstCommit(testDID(i), 1)).Head)
	}
	var marks []Applied
	for i, h := range heads {
		switch i % 3 {
		case 0:
			marks = append(marks, Applied{h.DID, h.Seq})
		case 1:
			marks = append(marks, Applied{h.DID, h.Seq - 1})
		}
	}
	if err := l.MarkApplied(ctx, marks); err != nil {
		t.Fatal(err)
	}
	var got []syntax.DID
	for after := syntax.DID(""); ; {
		page, err := l.Behind(ctx, after, 2)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, h := range page {
			got = append(got, h.DID)
		}
		after = page[len(page)-1].DID
	}
	want := []syntax.DID{testDID(1), testDID(2), testDID(4), testDID(5), testDID(7), testDID(8)}
	if !slices.Equal(got, want) {
		t.Errorf("behind are %v, want %v", got, want)
	}
	// An append on a marked head keeps the mark, from the cache and from the file.
	c := mustDo(t, l, nextCommit(heads[0], nil, Public))
	stored, _, err := l.Head(ctx, heads[0].DID)
	if err != nil || stored != c.Head || c.Head.Applied != heads[0].Seq {
		t.Errorf("head %+v, stored %+v, %v", c.Head, stored, err)
	}
	// A mark cannot run ahead of the log.
	if err := l.MarkApplied(ctx, []Applied{{heads[1].DID, 1 << 40}}); err != nil {
		t.Fatal(err)
	}
	if h, _, _ := l.Head(ctx, heads[1].DID); h.Applied != h.Seq {
		t.Errorf("applied %d of %d", h.Applied, h.Seq)
	}
}

func TestEarliest(t *testing.T) {
	l := openTest(t, logPath(t), LogOptions{})
	base := time.Now().Add(-time.Hour).Truncate(time.Second)
	h := mustDo(t, l, aged(firstCommit(testDID(1), 1), base)).Head
	for i := range 5 { // 4 … 8, of which 6 is internal
		v := Public
		if i == 2 {
			v = Internal
		}
		h = mustDo(t, l, aged(nextCommit(h, nil, v), base.Add(time.Duration(i+1)*time.Minute))).Head
	}
	for _, tt := range []struct {
		since time.Duration
		want  Seq
	}{{-time.Hour, 1}, {0, 1}, {time.Microsecond, 4}, {time.Minute, 4}, {3 * time.Minute, 7}, {5 * time.Minute, 8}, {5*time.Minute + time.Microsecond, 0}} {
		got, found, err := l.Earliest(ctx, base.Add(tt.since))
		if err != nil || found != (tt.want > 0) || got != tt.want {
			t.Errorf("earliest since %v: %d, %v, %v; want %d", tt.since, got, found, err, tt.want)
		}
	}
}
