package audit

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bluesky-social/indigo/atproto/repo"
	"github.com/bluesky-social/indigo/atproto/syntax"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"

	"github.com/coder/websocket"
)

// fakeServer says what a test tells it to. It is not a server of ours.
type fakeServer struct {
	frames []numbered
	repo   []byte // CAR of getRepo
	latest head   // of every method that tells the head
	listed head
	record string // CID of getRecord; "": what is right
	right  map[string]cid.Cid
}

type numbered struct {
	seq   int64
	bytes []byte
}

func (f *fakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	nsid := strings.TrimPrefix(r.URL.Path, "/xrpc/")
	switch nsid {
	case "com.atproto.sync.subscribeRepos":
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		cursor, _ := strconv.ParseInt(r.URL.Query().Get("cursor"), 10, 64)
		for _, n := range f.frames {
			if n.seq > cursor {
				conn.Write(r.Context(), websocket.MessageBinary, n.bytes)
			}
		}
		conn.Close(websocket.StatusNormalClosure, "")
	case "com.atproto.sync.getRepo":
		w.Write(f.repo)
	case "com.atproto.sync.listRepos":
		json.NewEncoder(w).Encode(map[string]any{"repos": []head{f.listed}})
	case "com.atproto.sync.getLatestCommit", "com.atproto.sync.getRepoStatus":
		json.NewEncoder(w).Encode(f.latest)
	case "com.atproto.repo.getRecord":
		c := f.right[r.URL.Query().Get("collection")+"/"+r.URL.Query().Get("rkey")].String()
		if f.record != "" {
			c = f.record
		}
		json.NewEncoder(w).Encode(map[string]string{"cid": c})
	default:
		http.NotFound(w, r)
	}
}

// export is the whole repository of the writer as a CAR.
func (w *writer) export() []byte {
	w.t.Helper()
	var n nodes
	root, err := w.tree.WriteDiffBlocks(w.t.Context(), &n)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(n.blocks) == 0 { // nothing changed since the last commit: write all of it again
		tree := newWriter(w.t).tree
		if err := w.tree.Walk(func(k []byte, v cid.Cid) error { _, err := tree.Insert(k, v); return err }); err != nil {
			w.t.Fatal(err)
		}
		if root, err = tree.WriteDiffBlocks(w.t.Context(), &n); err != nil {
			w.t.Fatal(err)
		}
	}
	if *root != w.data {
		w.t.Fatalf("tree %s, commit of %s", root, w.data)
	}
	car, err := readCAR(strings.NewReader(string(w.car)))
	if err != nil {
		w.t.Fatal(err)
	}
	signed, err := car.store.Get(w.t.Context(), car.root)
	if err != nil {
		w.t.Fatal(err)
	}
	all := append([]blocks.Block{signed}, n.blocks...)
	return carBytes(car.root, append(all, w.records...)...)
}

// served is an account with five posts on a fake server, and an auditor that
// has followed it without finding anything.
func served(t *testing.T) (*writer, *fakeServer, *Auditor) {
	t.Helper()
	w := newWriter(t)
	f := &fakeServer{right: map[string]cid.Cid{}}
	add := func(body codec) { f.frames = append(f.frames, numbered{w.seq, frame(t, body)}) }
	add(w.identity())
	add(w.account(""))
	add(w.write(nil))
	add(w.sync())
	for n := range 5 {
		add(w.write(nil, change{post(n), fmt.Sprint("post ", n)}))
		f.right[post(n)] = w.records[n].Cid()
	}
	f.repo = w.export()
	f.latest = head{DID: testDID, Head: w.commit.String(), CID: w.commit.String(), Rev: syntax.TID(w.rev), Active: true}
	f.listed = f.latest
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	a := New(Options{URL: server.URL, Keys: w.keys, Complete: true})
	cursor := int64(0)
	a.Follow(t.Context(), &cursor, nil) // ends when the fake closes
	if len(a.Findings) > 0 || a.Last() != 9 {
		t.Fatalf("up to %d: %v", a.Last(), a.Findings)
	}
	return w, f, a
}

func TestTrueServerPasses(t *testing.T) {
	_, _, a := served(t)
	if err := a.Replay(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	if err := a.Repos(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if len(a.Findings) > 0 || a.Replayed != 6 || a.Exports != 1 || a.Records != 5 {
		t.Errorf("%d replayed, %d exports, %d records: %v", a.Replayed, a.Exports, a.Records, a.Findings)
	}
}

func TestBrokenReplaysAreFound(t *testing.T) {
	for name, change := range map[string]func(f *fakeServer){
		"one event left out": func(f *fakeServer) { f.frames = slices.Delete(f.frames, 5, 6) },
		"one event changed":  func(f *fakeServer) { f.frames[5].bytes = otherTime(f.frames[5].bytes) },
		"one event of another number": func(f *fakeServer) {
			f.frames = slices.Insert(f.frames, 5, numbered{5, []byte(strings.Replace(string(f.frames[0].bytes), "seq\x01", "seq\x00", 1))})
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, f, a := served(t)
			change(f)
			if err := a.Replay(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
			expect(t, a.Findings, RuleReplay)
		})
	}
}

func otherTime(b []byte) []byte {
	return []byte(strings.Replace(string(b), testTime, "2026-01-02T03:04:05.999Z", 1))
}

func TestBrokenExportsAreFound(t *testing.T) {
	for _, c := range []struct {
		name   string
		want   Rule
		change func(w *writer, f *fakeServer)
	}{
		{"a record is missing", RuleExport, func(w *writer, f *fakeServer) { w.records = w.records[1:]; f.repo = w.export() }},
		{"a block too many", RuleExport, func(w *writer, f *fakeServer) {
			w.records = append(w.records, record(w.t, map[string]any{"x": "y"}))
			f.repo = w.export()
		}},
		{"cut short", RuleExport, func(_ *writer, f *fakeServer) { f.repo = f.repo[:len(f.repo)-1] }},
		{"an older head", RuleHead, func(_ *writer, f *fakeServer) { f.latest.CID = otherCID.String() }},
		{"another head in listRepos", RuleHead, func(_ *writer, f *fakeServer) { f.listed.Head = otherCID.String() }},
		{"another status", RuleHead, func(_ *writer, f *fakeServer) { f.latest.Active = false }},
		{"another record by getRecord", RuleHead, func(_ *writer, f *fakeServer) { f.record = otherCID.String() }},
		{"a commit that was never announced", RuleHead, func(w *writer, f *fakeServer) {
			w.write(nil, change{post(70), "silent"})
			f.repo = w.export()
			f.latest.CID, f.latest.Head, f.latest.Rev = w.commit.String(), w.commit.String(), syntax.TID(w.rev)
			f.listed = f.latest
		}},
		{"a fork at the same rev", RuleHead, func(w *writer, f *fakeServer) {
			w.at--
			w.write(nil, change{post(70), "fork"})
			f.repo = w.export()
			f.latest.CID, f.latest.Head = w.commit.String(), w.commit.String()
			f.listed = f.latest
		}},
		{"signed by nobody", RuleSignature, func(w *writer, f *fakeServer) {
			w.write(func(c *repo.Commit, _ *[]blocks.Block) { c.Sig = make([]byte, 64) }, change{post(70), "x"})
			f.repo = w.export()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, f, a := served(t)
			c.change(w, f)
			if err := a.Repos(t.Context(), true); err != nil {
				t.Fatal(err)
			}
			expect(t, a.Findings, c.want)
		})
	}
}

// What the events add up to is what the export must hold.
func TestContentIsCompared(t *testing.T) {
	_, _, a := served(t)
	delete(a.Content(testDID), post(2))
	if err := a.Repos(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	expect(t, a.Findings, RuleContent)
}

func TestAcksAreCompared(t *testing.T) {
	w, _, a := served(t)
	last := w.records[4].Cid()
	told := Write{DID: testDID, Ops: []Op{{Action: "create", Path: post(4), CID: last}}, Answer: Committed, Rev: syntax.TID(w.rev), Commit: w.commit}
	with := func(change func(*Write)) Write {
		w := told
		w.Ops = slices.Clone(told.Ops)
		change(&w)
		return w
	}
	for _, c := range []struct {
		name   string
		want   Rule // "": nothing is wrong
		writes []Write
	}{
		{"as answered", "", []Write{told}},
		{"the server chose the path", "", []Write{with(func(w *Write) { w.Ops[0].Path = "" })}},
		{"unanswered, and there", "", []Write{with(func(w *Write) { w.Answer = Unanswered })}},
		{"unanswered, and not there", "", []Write{told, with(func(w *Write) { w.Answer, w.Ops[0].CID = Unanswered, otherCID })}},
		{"there before", "", []Write{with(func(w *Write) { w.Answer = Unchanged })}},
		{"a rev without an event", RuleLost, []Write{told, with(func(w *Write) { w.Rev, w.Ops[0].CID = "3jzfcijpj2z2a", otherCID })}},
		{"unchanged, and not there", RuleLost, []Write{told, with(func(w *Write) { w.Answer, w.Ops[0].CID = Unchanged, otherCID })}},
		{"another commit", RuleChanged, []Write{with(func(w *Write) { w.Commit = otherCID })}},
		{"another record", RuleChanged, []Write{with(func(w *Write) { w.Ops[0].CID = otherCID })}},
		{"another path", RuleChanged, []Write{with(func(w *Write) { w.Ops[0].Path = post(5) })}},
		{"refused, and there", RuleChanged, []Write{with(func(w *Write) { w.Answer = Refused })}},
		{"two answers of one commit", RuleDouble, []Write{told, told}},
		{"half a batch", RuleChanged, []Write{with(func(w *Write) {
			w.Answer, w.Ops = Unanswered, append(w.Ops, Op{Action: "create", Path: post(5), CID: otherCID})
		})}},
		{"nobody asked", RuleChanged, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var acks Acks
			for n := range 4 { // the other posts
				seen := commitOf(a, post(n))
				acks.Add(Write{DID: testDID, Ops: []Op{{Path: post(n), CID: w.records[n].Cid()}}, Answer: Committed, Rev: seen.rev, Commit: seen.cid})
			}
			for _, w := range c.writes {
				acks.Add(w)
			}
			a.Findings = nil
			a.CheckAcks(&acks)
			if c.want == "" && len(a.Findings) > 0 {
				t.Errorf("found %v", a.Findings)
			}
			if c.want != "" {
				expect(t, a.Findings, c.want)
			}
		})
	}
}

// A record that two commits create is a write that was done twice.
func TestDoubledWritesAreFound(t *testing.T) {
	w, s := begun(t)
	m := w.write(nil, change{post(60), "once"})
	send(t, s, m)
	write := Write{DID: testDID, Ops: []Op{{CID: cid.Cid(*m.Ops[0].Cid)}}, Answer: Committed, Rev: syntax.TID(m.Rev), Commit: cid.Cid(m.Commit)}
	send(t, s, w.write(nil, change{post(61), "once"}))
	var acks Acks
	acks.Add(write)
	if n := s.CheckAcks(&acks).Doubled; n != 1 {
		t.Errorf("%d doubled: %v", n, s.Findings)
	}
}

// A server may put the deletes of a request that leaves nothing of what was
// there into a commit of their own, right before the one that it answers.
func TestDeletesMayGoBeforeTheCommitThatWasAnswered(t *testing.T) {
	for name, c := range map[string]struct {
		answer Answer
		extra  bool
		ops    []Op
		gap    bool
		want   Rule
	}{
		"asked for":                 {Committed, false, []Op{{Action: "delete", Path: post(1)}}, false, ""},
		"brought by a create":       {Committed, true, nil, false, ""},
		"brought, and unanswered":   {Unanswered, true, nil, false, ""},
		"not asked for":             {Committed, false, nil, false, RuleChanged},
		"not right before":          {Committed, true, nil, true, RuleChanged},
		"asked for and not right":   {Committed, false, []Op{{Action: "delete", Path: post(1)}}, true, RuleChanged},
		"deletes of another record": {Committed, false, []Op{{Action: "delete", Path: post(3)}}, false, RuleChanged},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWriter(t)
			s := NewStream(Options{Keys: w.keys, Complete: true})
			var acks Acks
			for _, body := range []codec{w.identity(), w.account(""), w.write(nil), w.sync()} {
				send(t, s, body)
			}
			note := func(answer Answer, extra bool, m *commitEvent, more ...Op) {
				op := Op{Action: "create", Path: m.Ops[0].Path, CID: cid.Cid(*m.Ops[0].Cid)}
				acks.Add(Write{testDID, append(more, op), extra, answer, syntax.TID(m.Rev), cid.Cid(m.Commit)})
			}
			for n := range 20 { // indigo cannot write a tree that became empty
				m := w.write(nil, change{post(20 - n), fmt.Sprint("old ", n)})
				send(t, s, m)
				note(Committed, false, m)
			}
			send(t, s, w.write(nil, change{post(1), ""}))
			if c.gap {
				w.seq++
			}
			m := w.write(nil, change{post(30), "new"})
			send(t, s, m)
			note(c.answer, c.extra, m, c.ops...)
			if len(s.Findings) > 0 {
				t.Fatal(s.Findings)
			}
			s.CheckAcks(&acks)
			if c.want == "" && len(s.Findings) > 0 {
				t.Error(s.Findings)
			}
			if c.want != "" {
				expect(t, s.Findings, c.want)
			}
		})
	}
}

type commitSeen struct {
	rev syntax.TID
	cid cid.Cid
}

func commitOf(a *Auditor, path string) commitSeen {
	for rev, c := range a.accounts[testDID].commits {
		for _, op := range c.ops {
			if op.Path == path {
				return commitSeen{rev, c.cid}
			}
		}
	}
	return commitSeen{}
}
