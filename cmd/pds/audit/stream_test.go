package audit

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	comatproto "github.com/bluesky-social/indigo/api/atproto"
	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/repo"
	"github.com/bluesky-social/indigo/atproto/syntax"
	lexutil "github.com/bluesky-social/indigo/lex/util"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
)

// otherCID is of nothing that a test writes.
var otherCID = cid.MustParse("bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a")

// send gives an event to the stream and returns what it finds.
func send(t *testing.T, s *Stream, body codec) []Finding {
	t.Helper()
	return sendRaw(t, s, frame(t, body))
}

func sendRaw(t *testing.T, s *Stream, b []byte) []Finding {
	t.Helper()
	_, found, err := s.Event(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// begun is an account with fifty posts, and a stream that found nothing wrong.
func begun(t *testing.T) (*writer, *Stream) {
	t.Helper()
	w := newWriter(t)
	s := NewStream(Options{Keys: w.keys, Complete: true})
	var all []change
	for n := range 50 {
		all = append(all, change{post(n), fmt.Sprint("post ", n)})
	}
	for _, body := range []codec{w.identity(), w.account(""), w.write(nil), w.sync(), w.write(nil, all...)} {
		if found := send(t, s, body); len(found) > 0 {
			t.Fatalf("%T: %v", body, found)
		}
	}
	return w, s
}

func TestTrueEventsPass(t *testing.T) {
	w, s := begun(t)
	var bodies []codec
	for n := range 50 {
		bodies = append(bodies, w.write(nil, change{post(100 + n), "new"}))
		bodies = append(bodies, w.write(nil, change{post(n), fmt.Sprint("changed ", n)}))
	}
	bodies = append(bodies, w.write(nil, change{post(3), ""}, change{post(300), "x"}, change{post(4), "y"}, change{post(101), ""}))
	for n := range 50 {
		if n != 3 {
			bodies = append(bodies, w.write(nil, change{post(n), ""}))
		}
	}
	bodies = append(bodies, w.account("deactivated"), w.account(""), w.identity(), w.sync(), w.account("deleted"))
	w.tree, w.rev, w.data = newWriter(t).tree, "", cid.Undef
	bodies = append(bodies, w.identity(), w.account(""), w.write(nil), w.sync())
	for _, body := range bodies {
		if found := send(t, s, body); len(found) > 0 {
			t.Fatalf("%T: %v", body, found)
		}
	}
	if got := len(s.Content(testDID)); got != 0 {
		t.Errorf("%d records of a new beginning", got)
	}
}

func TestAccountThatMovedInPasses(t *testing.T) {
	w := newWriter(t)
	w.write(nil, change{post(1), "before"}) // where it came from
	s := NewStream(Options{Keys: w.keys, Complete: true})
	w.seq = 0
	for _, body := range []codec{w.account(""), w.identity(), w.sync(), w.write(nil, change{post(2), "after"})} {
		if found := send(t, s, body); len(found) > 0 {
			t.Fatalf("%T: %v", body, found)
		}
	}
}

type (
	commitEvent = comatproto.SyncSubscribeRepos_Commit
	alteration  = func(*repo.Commit, *[]blocks.Block)
)

// Every rule about a single #commit is broken once.
func TestBrokenCommitsAreFound(t *testing.T) {
	later := func(d time.Duration) alteration {
		return func(c *repo.Commit, _ *[]blocks.Block) {
			c.Rev = syntax.NewTID(time.Now().Add(d).UnixMicro(), 0).String()
		}
	}
	for _, c := range []struct {
		name   string
		want   Rule
		alter  alteration         // before the commit is signed
		change func(*commitEvent) // after
	}{
		{name: "prevData of another tree", want: RulePrevData, change: func(m *commitEvent) { m.PrevData = (*lexutil.LexLink)(&otherCID) }},
		{name: "prevData that inversion does not give", want: RuleInversion, change: func(m *commitEvent) { m.PrevData = (*lexutil.LexLink)(&otherCID) }},
		{name: "no prevData", want: RulePrevData, change: func(m *commitEvent) { m.PrevData = nil }},
		{name: "no since", want: RuleSince, change: func(m *commitEvent) { m.Since = nil }},
		{name: "since of another rev", want: RuleSince, change: func(m *commitEvent) { r := m.Rev; m.Since = &r }},
		{name: "a proof block is missing", want: RuleOps, alter: func(_ *repo.Commit, b *[]blocks.Block) { *b = (*b)[1:] }},
		{name: "the root of the tree is missing", want: RuleTree, alter: func(_ *repo.Commit, b *[]blocks.Block) { *b = (*b)[len(*b)-1:] }},
		{name: "the record is missing", want: RuleCAR, alter: func(_ *repo.Commit, b *[]blocks.Block) { *b = (*b)[:len(*b)-1] }},
		{name: "a block too many", want: RuleCAR, alter: func(_ *repo.Commit, b *[]blocks.Block) { *b = append(*b, record(t, map[string]any{"x": "y"})) }},
		{name: "a block twice", want: RuleCAR, alter: func(_ *repo.Commit, b *[]blocks.Block) { *b = append(*b, (*b)[0]) }},
		{name: "a block of another hash", want: RuleCAR, change: func(m *commitEvent) { m.Blocks[len(m.Blocks)-1] ^= 1 }},
		{name: "another commit than the root", want: RuleCAR, change: func(m *commitEvent) { m.Commit = lexutil.LexLink(otherCID) }},
		{name: "a cut CAR", want: RuleCAR, change: func(m *commitEvent) { m.Blocks = m.Blocks[:len(m.Blocks)-2] }},
		{name: "high-S", want: RuleSignature, alter: func(c *repo.Commit, _ *[]blocks.Block) { c.Sig = []byte("high") }},
		{name: "another key", want: RuleSignature, alter: func(c *repo.Commit, _ *[]blocks.Block) {
			k, _ := atcrypto.GeneratePrivateKeyK256()
			c.Sign(k)
		}},
		{name: "another account's commit", want: RuleCommit, alter: func(c *repo.Commit, _ *[]blocks.Block) { c.DID = "did:plc:44ybard66vv44zksje25o7dz" }},
		{name: "another rev in the event", want: RuleCommit, change: func(m *commitEvent) { m.Rev = syntax.NewTID(time.Now().UnixMicro(), 1).String() }},
		{name: "version 2", want: RuleCommit, alter: func(c *repo.Commit, _ *[]blocks.Block) { c.Version = 2 }},
		{name: "prev in the commit", want: RuleCommit, alter: func(c *repo.Commit, _ *[]blocks.Block) { c.Prev = &otherCID }},
		{name: "rev that goes back", want: RuleRev, alter: later(-2 * time.Hour)},
		{name: "rev in the future", want: RuleRev, alter: later(time.Hour)},
		{name: "rev that is no TID", want: RuleField, change: func(m *commitEvent) { m.Rev = "yesterday" }},
		{name: "time without a zone", want: RuleField, change: func(m *commitEvent) { m.Time = "2026-01-02T03:04:05" }},
		{name: "tooBig", want: RuleField, change: func(m *commitEvent) { m.TooBig = true }},
		{name: "blobs", want: RuleField, change: func(m *commitEvent) { m.Blobs = append(m.Blobs, lexutil.LexLink(otherCID)) }},
		{name: "operation of another record", want: RuleOps, change: func(m *commitEvent) { m.Ops[0].Cid = (*lexutil.LexLink)(&otherCID) }},
		{name: "an operation is left out", want: RuleInversion, change: func(m *commitEvent) { m.Ops = m.Ops[1:] }},
		{name: "create with a prev", want: RuleOps, change: func(m *commitEvent) { m.Ops[0].Prev = (*lexutil.LexLink)(&otherCID) }},
		{name: "delete of what is there", want: RuleOps, change: func(m *commitEvent) {
			m.Ops[0].Action, m.Ops[0].Prev, m.Ops[0].Cid = "delete", m.Ops[0].Cid, nil
		}},
		{name: "update that changes nothing", want: RuleOps, change: func(m *commitEvent) { m.Ops[0].Action, m.Ops[0].Prev = "update", m.Ops[0].Cid }},
		{name: "unknown action", want: RuleOps, change: func(m *commitEvent) { m.Ops[0].Action = "move" }},
		{name: "a path twice", want: RuleOps, change: func(m *commitEvent) { m.Ops = append(m.Ops, m.Ops[0]) }},
		{name: "a path of one part", want: RuleOps, change: func(m *commitEvent) { m.Ops[0].Path = "app.bsky.feed.post" }},
		{name: "an operation on what is not there", want: RuleOps, change: func(m *commitEvent) { m.Ops[0].Path = post(999) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, s := begun(t)
			alter := c.alter
			if c.name == "high-S" {
				alter = func(commit *repo.Commit, _ *[]blocks.Block) {
					commit.Sign(w.key)
					commit.Sig = highS(commit.Sig)
				}
			}
			m := w.write(alter, change{post(60), "new"})
			if c.change != nil {
				c.change(m)
			}
			expect(t, send(t, s, m), c.want)
		})
	}
}

// expect fails unless the rule is among what was found.
func expect(t *testing.T, found []Finding, want Rule) {
	t.Helper()
	if !slices.ContainsFunc(found, func(f Finding) bool { return f.Rule == want }) {
		t.Errorf("found %v, want %s", found, want)
	}
}

func TestLimitsAreChecked(t *testing.T) {
	big := strings.Repeat("x", 683_000)
	for name, changes := range map[string][]change{
		"blocks": {{post(60), big}, {post(61), big + "1"}, {post(62), big + "2"}},
		"record": {{post(60), big + big}},
		"operations": func() (all []change) {
			for n := range 201 {
				all = append(all, change{post(100 + n), "x"})
			}
			return all
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			w, s := begun(t)
			expect(t, send(t, s, w.write(nil, changes...)), RuleLimit)
		})
	}
}

func TestRecordsAreChecked(t *testing.T) {
	for name, b := range map[string][]byte{
		"type of another collection": {0xa1, 0x65, '$', 't', 'y', 'p', 'e', 0x61, 'x'},
		"not canonical":              {0xb9, 0, 1, 0x65, '$', 't', 'y', 'p', 'e', 0x72, 'a', 'p', 'p', '.', 'b', 's', 'k', 'y', '.', 'f', 'e', 'e', 'd', '.', 'p', 'o', 's', 't'},
		"not a map":                  {0x01},
	} {
		t.Run(name, func(t *testing.T) {
			if err := checkRecord(b, "app.bsky.feed.post"); err == nil {
				t.Error("passes")
			}
		})
	}
}

// A tree node must be the one encoding of its entries.
func TestTreeNodesAreChecked(t *testing.T) {
	w, s := begun(t)
	m := w.write(func(c *repo.Commit, all *[]blocks.Block) {
		// The root node with its map head in two bytes: the same content.
		for i, b := range *all {
			if b.Cid() == c.Data {
				(*all)[i] = block(t, append([]byte{0xb8, 0x02}, b.RawData()[1:]...))
				c.Data = (*all)[i].Cid()
			}
		}
	}, change{post(60), "new"})
	expect(t, send(t, s, m), RuleTree)
}

func TestSequenceIsChecked(t *testing.T) {
	t.Run("an older number", func(t *testing.T) {
		w, s := begun(t)
		m := w.write(nil, change{post(60), "new"})
		m.Seq = 2
		expect(t, send(t, s, m), RuleSeq)
	})
	t.Run("the same number twice", func(t *testing.T) {
		w, s := begun(t)
		m := w.account("")
		send(t, s, m)
		expect(t, send(t, s, m), RuleSeq)
	})
	t.Run("a number with other bytes after a restart", func(t *testing.T) {
		w, s := begun(t)
		m := w.account("")
		send(t, s, m)
		s.Connected(m.Seq - 1)
		m.Time = "2026-01-02T03:04:06.000Z"
		expect(t, send(t, s, m), RuleReuse)
	})
	t.Run("a number that was left out before", func(t *testing.T) {
		w, s := begun(t)
		w.seq++
		left := w.seq
		send(t, s, w.account(""))
		s.Connected(left - 1)
		m := w.account("")
		m.Seq = left
		expect(t, send(t, s, m), RuleReuse)
	})
	t.Run("the same bytes after a restart", func(t *testing.T) {
		w, s := begun(t)
		m := w.account("")
		send(t, s, m)
		s.Connected(m.Seq - 1)
		if found := send(t, s, m); len(found) > 0 {
			t.Error(found)
		}
	})
}

// The first events of an account come in one order, and none after its end.
func TestOrderIsChecked(t *testing.T) {
	for _, c := range []struct {
		name   string
		events func(w *writer) []codec
		want   bool
	}{
		{"commit first", func(w *writer) []codec { return []codec{w.write(nil)} }, true},
		{"sync first", func(w *writer) []codec { w.write(nil); w.seq = 0; return []codec{w.sync()} }, true},
		{"commit before account", func(w *writer) []codec { return []codec{w.identity(), w.write(nil)} }, true},
		{"identity twice", func(w *writer) []codec {
			return []codec{w.identity(), w.identity(), w.account(""), w.write(nil), w.sync()}
		}, true},
		{"commit of one that moves in", func(w *writer) []codec {
			return []codec{w.identity(), w.account(""), w.identity(), w.write(nil), w.sync()}
		}, true},
		{"it moves in", func(w *writer) []codec {
			w.write(nil)
			w.seq = 0
			return []codec{w.identity(), w.account(""), w.identity(), w.sync(), w.write(nil, change{post(1), "x"})}
		}, false},
		{"it moves in and changes its handle before", func(w *writer) []codec {
			w.write(nil)
			w.seq = 0
			return []codec{w.identity(), w.identity(), w.account(""), w.identity(), w.sync(), w.write(nil, change{post(1), "x"})}
		}, false},
		{"sync before commit", func(w *writer) []codec {
			w.write(nil)
			w.seq = 0
			return []codec{w.identity(), w.account(""), w.sync()}
		}, true},
		{"no sync", func(w *writer) []codec {
			return []codec{w.identity(), w.account(""), w.write(nil), w.write(nil, change{post(1), "x"})}
		}, true},
		{"commit while deactivated", func(w *writer) []codec {
			return []codec{w.identity(), w.account(""), w.write(nil), w.sync(), w.account("deactivated"), w.write(nil)}
		}, true},
		{"commit after deletion", func(w *writer) []codec {
			return []codec{w.identity(), w.account(""), w.write(nil), w.sync(), w.account("deleted"), w.write(nil)}
		}, true},
		{"as it should be", func(w *writer) []codec {
			return []codec{w.identity(), w.account(""), w.write(nil), w.sync(), w.write(nil, change{post(1), "x"})}
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWriter(t)
			s := NewStream(Options{Keys: w.keys, Complete: true})
			for _, body := range c.events(w) {
				send(t, s, body)
			}
			got := slices.ContainsFunc(s.Findings, func(f Finding) bool { return f.Rule == RuleOrder })
			if got != c.want {
				t.Errorf("found %v", s.Findings)
			}
		})
	}
}

func TestSyncsAreChecked(t *testing.T) {
	for _, c := range []struct {
		name string
		want Rule
		make func(w *writer) *comatproto.SyncSubscribeRepos_Sync
	}{
		{"another commit at the same rev", RuleSync, func(w *writer) *comatproto.SyncSubscribeRepos_Sync {
			w.at--
			w.write(nil, change{post(60), "fork"})
			return w.sync()
		}},
		{"an older commit", RuleRev, func(w *writer) *comatproto.SyncSubscribeRepos_Sync {
			w.at -= 1000
			w.write(nil, change{post(60), "old"})
			return w.sync()
		}},
		{"blocks beside the commit", RuleCAR, func(w *writer) *comatproto.SyncSubscribeRepos_Sync {
			m := w.sync()
			m.Blocks = append(m.Blocks, carBytes(otherCID, record(w.t, map[string]any{"x": "y"}))[len(carBytes(otherCID)):]...)
			return m
		}},
		{"another rev than the commit's", RuleCommit, func(w *writer) *comatproto.SyncSubscribeRepos_Sync {
			m := w.sync()
			m.Rev = syntax.NewTID(time.Now().UnixMicro(), 0).String()
			return m
		}},
		{"too large", RuleLimit, func(w *writer) *comatproto.SyncSubscribeRepos_Sync {
			m := w.sync()
			m.Blocks = append(m.Blocks, make([]byte, 10_000)...)
			return m
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, s := begun(t)
			expect(t, send(t, s, c.make(w)), c.want)
		})
	}
}

func TestAccountsAndIdentitiesAreChecked(t *testing.T) {
	w, s := begun(t)
	bad := w.account("deactivated")
	bad.Active = true
	expect(t, send(t, s, bad), RuleField)
	expect(t, send(t, s, w.account("sleepy")), RuleField)
	bad = w.account("")
	bad.Active = false
	expect(t, send(t, s, bad), RuleField)
	id := w.identity()
	*id.Handle = "not a handle"
	expect(t, send(t, s, id), RuleField)
	id = w.identity()
	id.Did = "alice"
	expect(t, send(t, s, id), RuleField)
}

// A key that was rotated away verifies what it signed in its time only.
func TestFormerKeysVerifyOldCommits(t *testing.T) {
	for after, want := range map[time.Duration]bool{10 * time.Minute: true, -10 * time.Minute: false} {
		w, s := begun(t)
		newer, _ := atcrypto.GeneratePrivateKeyK256()
		pub, _ := newer.PublicKey()
		w.keys.former = []FormerKey{{w.keys.key, time.UnixMicro(w.at).Add(after)}}
		w.keys.key = pub
		found := send(t, s, w.write(nil, change{post(60), "new"}))
		if (len(found) == 0) != want {
			t.Errorf("key taken away %s after the commit: %v", after, found)
		}
	}
}

func TestFramesAreChecked(t *testing.T) {
	w := newWriter(t)
	good := frame(t, w.account(""))
	body := good[bytes.IndexByte(good, 0xa4):]
	for name, b := range map[string][]byte{
		"empty":               {},
		"text":                []byte("hello"),
		"trailing byte":       append(bytes.Clone(good), 0),
		"cut":                 good[:len(good)-1],
		"header only":         good[:len(good)-len(body)],
		"unknown type":        bytes.Replace(bytes.Clone(good), []byte("#account"), []byte("#unknown"), 1),
		"op 2":                bytes.Replace(bytes.Clone(good), []byte{'o', 'p', 1}, []byte{'o', 'p', 2}, 1),
		"header not in order": append(append([]byte{0xa2, 0x62, 'o', 'p', 1, 0x61, 't', 0x68}, "#account"...), body...),
		"long integer":        bytes.Replace(bytes.Clone(good), []byte{0x63, 's', 'e', 'q', 1}, []byte{0x63, 's', 'e', 'q', 0x18, 1}, 1),
		"unknown field":       append(append(bytes.Clone(good[:len(good)-len(body)]), 0xa5, 0x61, 'x', 0xf6), body[1:]...),
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, sendRaw(t, NewStream(Options{Keys: w.keys}), b), RuleFrame)
		})
	}
	if _, err := Decode(good); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

func TestErrorFramesAreErrors(t *testing.T) {
	head, _ := canonical.Marshal(header{Op: -1})
	body, _ := canonical.Marshal(map[string]string{"error": "FutureCursor", "message": "no"})
	_, _, err := NewStream(Options{}).Event(t.Context(), append(head, body...))
	if said := (ErrorFrame{}); !errors.As(err, &said) || said.Name != "FutureCursor" {
		t.Errorf("%v", err)
	}
}
