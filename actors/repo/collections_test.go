package repo_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/repo"
	"troupe/sequencing"
	"troupe/storage/dag"
)

// The names are prefixes of each other, so that keys of one stand directly
// beside keys of the next.
var crowded = []syntax.NSID{"com.example.a", "com.example.a-b.c", "com.example.aa", "com.example.ab", "com.example.b"}

// listed are those of the collections for which the log names the account.
func listed(w *world, d syntax.DID) (all []syntax.NSID) {
	w.t.Helper()
	for _, nsid := range crowded {
		page, err := w.log.Holders(w.t.Context(), nsid, 0, 100)
		if err != nil {
			w.t.Fatal(err)
		}
		if slices.ContainsFunc(page, func(h sequencing.Holder) bool { return h.DID == d }) {
			all = append(all, nsid)
		}
	}
	return all
}

// shuffle applies batches in which collections come and go, and after each
// compares the log's list with the account's records.
func shuffle(w *world, d syntax.DID, rounds int, seed uint64) {
	w.t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	live := map[string]bool{}
	for round := range rounds {
		var batch []repo.Write
		named := map[string]bool{}
		for range 1 + r.IntN(6) {
			wr := repo.Write{Collection: crowded[r.IntN(len(crowded))], RKey: syntax.RecordKey(fmt.Sprint(r.IntN(2)))}
			if named[wr.Path()] {
				continue
			}
			named[wr.Path()] = true
			wr.Action = sequencing.ActionCreate
			if live[wr.Path()] {
				wr.Action = sequencing.ActionDelete
				if r.IntN(3) == 0 {
					wr.Action = sequencing.ActionUpdate
				}
			}
			if wr.Action != sequencing.ActionDelete {
				rec, err := dag.FromJSON(fmt.Appendf(nil, `{"$type":%q,"n":%d}`, wr.Collection, round), dag.RecordLimits)
				if err != nil {
					w.t.Fatal(err)
				}
				wr.Record = rec
			}
			live[wr.Path()] = wr.Action != sequencing.ActionDelete
			batch = append(batch, wr)
		}
		ask(w, d, writes(batch...))
		if got, want := listed(w, d), ask(w, d, repo.Describe{}).Collections; !slices.Equal(got, want) {
			w.t.Fatalf("after %+v the log has %v, the account %v", batch, got, want)
		}
	}
}

// The log names an account's collections as they are, whatever comes and goes.
func TestCollections(t *testing.T) {
	w := open(t, t.TempDir(), 16)
	defer w.close()
	a, b := w.account(1), w.account(2)
	shuffle(w, a, 150, 1)
	shuffle(w, b, 50, 2)
	if got, want := listed(w, a), ask(w, a, repo.Describe{}).Collections; !slices.Equal(got, want) {
		t.Errorf("another account's writes changed the list to %v, want %v", got, want)
	}
}

// A log that lost entries takes the collections over from the file, those that
// came and those that went.
func TestCollectionsOfAdopted(t *testing.T) {
	dir := t.TempDir()
	log := func(name string) string { return filepath.Join(dir, name) }
	record := func(n int) repo.Write {
		rec, err := dag.FromJSON(fmt.Appendf(nil, `{"$type":%q}`, crowded[n]), dag.RecordLimits)
		if err != nil {
			t.Fatal(err)
		}
		return repo.Write{Action: sequencing.ActionCreate, Collection: crowded[n], RKey: "1", Record: rec}
	}
	w := open(t, dir, 16)
	d := w.account(1)
	ask(w, d, writes(record(0), record(1)))
	w.close()
	older := map[string][]byte{}
	for _, name := range []string{"sequencer.sqlite", "sequencer.sqlite-wal"} {
		b, err := os.ReadFile(log(name))
		if err != nil {
			t.Fatal(err)
		}
		older[name] = b
	}
	w = open(t, dir, 16)
	ask(w, d, writes(repo.Write{Action: sequencing.ActionDelete, Collection: crowded[0], RKey: "1"}, record(2)))
	w.close()
	os.Remove(log("sequencer.sqlite-shm"))
	for name, b := range older {
		if err := os.WriteFile(log(name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w = open(t, dir, 16)
	defer w.close()
	if got := listed(w, d); !slices.Equal(got, crowded[:2]) {
		t.Fatalf("the older log has %v", got)
	}
	ask(w, d, repo.Wake{})
	if got := listed(w, d); !slices.Equal(got, crowded[1:3]) {
		t.Errorf("after the file was adopted the log has %v", got)
	}
}
