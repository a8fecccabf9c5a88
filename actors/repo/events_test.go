package repo_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	comatproto "github.com/bluesky-social/indigo/api/atproto"
	indigo "github.com/bluesky-social/indigo/atproto/repo"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/bluesky-social/indigo/events"

	"troupe/actors/repo"
	"troupe/sequencing"
	"troupe/storage/mst"
)

// verifyEvents has the field's own implementation verify every #commit: blocks,
// ops, and that undoing the ops gives prevData.
func verifyEvents(w *world) (commits int) {
	w.t.Helper()
	var after sequencing.Seq
	prev := map[string]*comatproto.SyncSubscribeRepos_Commit{}
	data := map[string]string{}
	for {
		page, err := w.log.Events(w.t.Context(), after, 500, 64<<20)
		if err != nil {
			w.t.Fatal(err)
		}
		if len(page) == 0 {
			return commits
		}
		for _, e := range page {
			after = e.Seq
			r := bytes.NewReader(e.Frame)
			var h events.EventHeader
			if err := h.UnmarshalCBOR(r); err != nil {
				w.t.Fatal(err)
			}
			if h.MsgType != "#commit" {
				continue
			}
			commits++
			var c comatproto.SyncSubscribeRepos_Commit
			if err := c.UnmarshalCBOR(r); err != nil {
				w.t.Fatal(err)
			}
			if r.Len() != 0 || c.Seq != int64(e.Seq) {
				w.t.Errorf("event %d: seq %d, %d bytes left over", e.Seq, c.Seq, r.Len())
			}
			if p := prev[c.Repo]; p != nil {
				if c.Since == nil || *c.Since != p.Rev || c.Rev <= p.Rev {
					w.t.Errorf("event %d: since %v rev %s after %s", e.Seq, c.Since, c.Rev, p.Rev)
				}
				if c.PrevData == nil || c.PrevData.String() != data[c.Repo] {
					w.t.Errorf("event %d: prevData is not the tree before", e.Seq)
				}
				if _, err := indigo.VerifyCommitMessage(w.t.Context(), &c); err != nil {
					w.t.Errorf("event %d: %v", e.Seq, err)
				}
			} else if c.Since != nil || c.PrevData != nil {
				w.t.Errorf("event %d: a first commit with since or prevData", e.Seq)
			}
			commit, _, err := indigo.LoadCommitFromCAR(w.t.Context(), bytes.NewReader(c.Blocks))
			if err != nil {
				w.t.Fatal(err)
			}
			prev[c.Repo], data[c.Repo] = &c, commit.Data.String()
		}
	}
}

// keyOfHeight finds a record key with a beginning that stands at a height of the tree.
func keyOfHeight(prefix string, h int) string {
	for i := 0; ; i++ {
		if key := fmt.Sprintf("%s%d", prefix, i); mst.Height(posts.String()+"/"+key) == h {
			return key
		}
	}
}

// Repositories that are nearly always nearly empty: every batch is followed by
// consumers built on indigo, also one that replaces all there is.
func TestEventsOfTinyRepositories(t *testing.T) {
	w := open(t, t.TempDir(), 16)
	defer w.close()
	r := rand.New(rand.NewPCG(11, 4))
	keys := []string{keyOfHeight("c", 0), keyOfHeight("b", 1), keyOfHeight("a", 2)}
	for i := range 6 {
		d := w.account(i)
		live := map[string]bool{}
		for n := range 60 {
			var batch []repo.Write
			for _, key := range keys {
				switch c := r.IntN(3); {
				case !live[key] && c > 0:
					batch = append(batch, create(t, key, fmt.Sprint(n)))
					live[key] = true
				case live[key] && c == 1:
					batch = append(batch, repo.Write{Action: sequencing.ActionUpdate, Collection: posts, RKey: syntax.RecordKey(key), Record: post(t, fmt.Sprint(n))})
				case live[key] && c == 2:
					batch = append(batch, repo.Write{Action: sequencing.ActionDelete, Collection: posts, RKey: syntax.RecordKey(key)})
					delete(live, key)
				}
			}
			ask(w, d, writes(batch...))
		}
	}
	if n := verifyEvents(w); n < 300 {
		t.Errorf("only %d commits were verified", n)
	}
}

// A batch that replaces everything is two commits in one step: see
// replacesEverything.
func TestReplacingEverything(t *testing.T) {
	w := open(t, t.TempDir(), 16)
	defer w.close()
	d := w.account(1)
	low, high := keyOfHeight("z", 0), keyOfHeight("a", 2)
	ask(w, d, writes(create(t, low, "1")))
	before, _, _ := w.log.Head(t.Context(), d)
	out := ask(w, d, writes(repo.Write{Action: sequencing.ActionDelete, Collection: posts, RKey: syntax.RecordKey(low)}, create(t, high, "2")))
	after, _, _ := w.log.Head(t.Context(), d)
	if after.Seq != before.Seq+2 || len(out.Results) != 2 || out.Commit.CID != after.Commit || out.Commit.Rev != after.Rev {
		t.Errorf("%d entries, answer %+v, head %+v", after.Seq-before.Seq, out, after)
	}
	// Batches of many sizes, with keys of every height.
	r := rand.New(rand.NewPCG(3, 8))
	have := []string{high}
	for i := range 80 {
		var batch []repo.Write
		for _, key := range have {
			batch = append(batch, repo.Write{Action: sequencing.ActionDelete, Collection: posts, RKey: syntax.RecordKey(key)})
		}
		have = nil
		for j := range 1 + r.IntN(20) {
			have = append(have, fmt.Sprintf("r%d-%d-%d", r.IntN(1000), i, j))
			batch = append(batch, create(t, have[j], "new"))
		}
		r.Shuffle(len(batch), func(i, j int) { batch[i], batch[j] = batch[j], batch[i] })
		ask(w, d, writes(batch...))
	}
	verifyEvents(w)
	churn(w, d, 200, 9)
	verifyEvents(w)
	verifyExport(w, d, headCID(w, d))
}
