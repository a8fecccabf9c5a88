package repo_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	indigo "github.com/bluesky-social/indigo/atproto/repo"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
	"github.com/ncruces/go-sqlite3"

	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/sequencing"
	"troupe/storage/keys"
	"troupe/storage/repodb"
)

// churn writes a mixed history: creates, updates, deletes, batches, likes.
func churn(w *world, d syntax.DID, rounds int, seed uint64) {
	w.t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	live := map[string]bool{}
	for i := range rounds {
		var batch []repo.Write
		for range 1 + r.IntN(4) {
			key := fmt.Sprintf("k%03d", r.IntN(120))
			text := fmt.Sprintf("%d %d", i, r.IntN(5))
			dup := false
			for _, b := range batch {
				dup = dup || b.RKey.String() == key
			}
			switch {
			case dup:
			case !live[key]:
				batch = append(batch, create(w.t, key, text))
				live[key] = true
			case r.IntN(2) == 0:
				batch = append(batch, repo.Write{Action: sequencing.ActionUpdate, Collection: posts, RKey: syntax.RecordKey(key), Record: post(w.t, text)})
			default:
				batch = append(batch, repo.Write{Action: sequencing.ActionDelete, Collection: posts, RKey: syntax.RecordKey(key)})
				delete(live, key)
			}
		}
		ask(w, d, writes(batch...))
		if r.IntN(20) == 0 {
			ask(w, d, repo.Flush{})
		}
	}
}

// dump is every row of every table of a file, in order.
func dump(t *testing.T, path string) string {
	t.Helper()
	c, err := sqlite3.Open("file:" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var out bytes.Buffer
	for _, table := range []string{"root", "node ORDER BY cid", "record ORDER BY collection, rkey", "blob ORDER BY cid", "record_blob ORDER BY blob_cid, collection, rkey", "preference"} {
		s, _, err := c.Prepare("SELECT * FROM " + table)
		if err != nil {
			t.Fatal(err)
		}
		rows := 0
		for ; s.Step(); rows++ {
			fmt.Fprintf(&out, "%.12s:", table)
			for i := range s.ColumnCount() {
				fmt.Fprintf(&out, " %x", s.ColumnBlob(i, nil))
			}
			out.WriteByte('\n')
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

func (w *world) file(d syntax.DID) string {
	return filepath.Join(keys.ActorDir(filepath.Join(w.dir, "actors"), d), repodb.FileName)
}

// The file of an account that applied live and one that is rebuilt from the
// log alone are equal, row by row.
func TestReplayEquivalence(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir, 16)
	d := w.account(1)
	churn(w, d, 400, 7)
	before := ask(w, d, repo.Flush{})
	w.close()
	lived := dump(t, w.file(d))
	if len(lived) < 10_000 {
		t.Fatalf("the file holds next to nothing:\n%s", lived)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(w.file(d) + suffix); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	w = open(t, dir, 16)
	if after := ask(w, d, repo.Wake{}); after != before {
		t.Errorf("rebuilt up to entry %d, was at %d", after, before)
	}
	w.close()
	if rebuilt := dump(t, w.file(d)); rebuilt != lived {
		t.Errorf("rebuilt file differs:\n%s", diff(lived, rebuilt))
	}
	w = open(t, dir, 16)
	defer w.close()
	churn2 := repo.Write{Action: sequencing.ActionCreate, Collection: posts, Record: post(t, "goes on")}
	ask(w, d, writes(churn2))
}

func diff(a, b string) string {
	al, bl := bytes.Split([]byte(a), []byte("\n")), bytes.Split([]byte(b), []byte("\n"))
	for i := range min(len(al), len(bl)) {
		if !bytes.Equal(al[i], bl[i]) {
			return fmt.Sprintf("line %d\n- %.300s\n+ %.300s", i, al[i], bl[i])
		}
	}
	return fmt.Sprintf("%d lines against %d", len(al), len(bl))
}

// A file that was restored from an older copy catches up; the repository that
// it exports is verified by the field's own implementation.
func TestOlderFileCatchesUp(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir, 16)
	d := w.account(1)
	churn(w, d, 50, 3)
	ask(w, d, repo.Flush{})
	w.close()
	old := map[string][]byte{}
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(w.file(d) + suffix)
		if err != nil {
			t.Fatal(err)
		}
		old[suffix] = b
	}
	w = open(t, dir, 16)
	for i := range 50 {
		ask(w, d, writes(create(t, fmt.Sprintf("late%d", i), "late")))
	}
	head := headCID(w, d)
	w.close()
	for suffix, b := range old {
		if err := os.WriteFile(w.file(d)+suffix, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	os.Remove(w.file(d) + "-shm")
	w = open(t, dir, 16)
	defer w.close()
	if n := len(ask(w, d, repo.ListRecords{Collection: posts, Limit: 200})); n < 50 {
		t.Errorf("%d records after catching up", n)
	}
	verifyExport(w, d, head)
}

func headCID(w *world, d syntax.DID) string {
	w.t.Helper()
	h, ok, err := w.log.Head(w.t.Context(), d)
	if err != nil || !ok {
		w.t.Fatal(ok, err)
	}
	return h.Commit.String()
}

// verifyExport exports the repository, loads it with indigo and compares
// every record with listRecords.
func verifyExport(w *world, d syntax.DID, head string) {
	w.t.Helper()
	s := ask(w, d, repo.OpenSnapshot{})
	defer s.Close()
	var b bytes.Buffer
	if err := s.WriteCAR(w.t.Context(), &b, ""); err != nil {
		w.t.Fatal(err)
	}
	if s.Root().String() != head {
		w.t.Errorf("exported commit %s, head is %s", s.Root(), head)
	}
	commit, r, err := indigo.LoadRepoFromCAR(w.t.Context(), &b)
	if err != nil {
		w.t.Fatal(err)
	}
	pub := ask(w, d, repo.SigningKey{})
	if err := commit.VerifyStructure(); err != nil || commit.DID != d.String() {
		w.t.Errorf("commit of %s: %v", commit.DID, err)
	}
	key, err := atcrypto.ParsePublicDIDKey(pub)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := commit.VerifySignature(key); err != nil {
		w.t.Error(err)
	}
	if err := r.MST.Verify(); err != nil {
		w.t.Error(err)
	}
	all := ask(w, d, repo.ListRecords{Collection: posts, Limit: 10_000})
	found := 0
	r.MST.Walk(func(key []byte, _ cid.Cid) error { found++; return nil })
	if found != len(all) {
		w.t.Errorf("the tree has %d records, the table %d", found, len(all))
	}
	for _, rec := range all {
		got, c, err := r.GetRecordBytes(w.t.Context(), posts, rec.RKey)
		if err != nil || *c != rec.CID || !bytes.Equal(got, rec.Bytes) {
			w.t.Errorf("%s: %v", rec.RKey, err)
		}
	}
}

// A log that lost its newest entries adopts the heads of files that have them,
// and never gives out a number twice.
func TestFileAheadOfLog(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir, 16)
	d := w.account(1)
	churn(w, d, 10, 5)
	w.close()
	copyLog := map[string][]byte{}
	for _, suffix := range []string{"", "-wal"} {
		if b, err := os.ReadFile(filepath.Join(dir, "sequencer.sqlite"+suffix)); err == nil {
			copyLog[suffix] = b
		}
	}
	w = open(t, dir, 16)
	for i := range 5 {
		ask(w, d, writes(create(t, fmt.Sprintf("ahead%d", i), "ahead")))
	}
	used := w.log.Last()
	head := headCID(w, d)
	w.close()
	os.Remove(filepath.Join(dir, "sequencer.sqlite-shm"))
	os.Remove(filepath.Join(dir, "sequencer.sqlite-wal"))
	for suffix, b := range copyLog {
		if err := os.WriteFile(filepath.Join(dir, "sequencer.sqlite"+suffix), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w = open(t, dir, 16)
	defer w.close()
	if got := ask(w, d, repo.GetRecord{Collection: posts, RKey: "ahead4"}); len(got.Bytes) == 0 {
		t.Error("a record of the file is gone")
	}
	if headCID(w, d) != head {
		t.Error("the log did not adopt the file's head")
	}
	ask(w, d, writes(create(t, "after", "after")))
	h, _, _ := w.log.Head(t.Context(), d)
	if h.Seq <= used {
		t.Errorf("number %d was in use: %d was the highest before", h.Seq, used)
	}
	var kinds []sequencing.Kind
	w.log.Replay(t.Context(), d, used, func(e sequencing.Event) error { kinds = append(kinds, e.Kind); return nil })
	if fmt.Sprint(kinds) != fmt.Sprint([]sequencing.Kind{sequencing.KindAdopt, sequencing.KindSync, sequencing.KindCommit}) {
		t.Errorf("entries after the loss: %v", kinds)
	}
	verifyExport(w, d, headCID(w, d))
}

// Many writers on few accounts through an LRU smaller than their number: every
// acknowledged write is there once, and the tree verifies.
func TestConcurrentWritersTinyLRU(t *testing.T) {
	w := open(t, t.TempDir(), 4)
	defer w.close()
	const accounts, writers, each = 12, 24, 40
	dids := make([]syntax.DID, accounts)
	for i := range dids {
		dids[i] = w.account(i)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	acked := map[syntax.DID]int{}
	for n := range writers {
		wg.Go(func() {
			for i := range each {
				d := dids[(n*7+i)%accounts]
				m := writes(create(t, "", fmt.Sprintf("%d/%d", n, i)))
				if _, err := mailbox.Ask(t.Context(), w.repos.Of(d.String()), m); err != nil {
					t.Errorf("write: %v", err)
					continue
				}
				mu.Lock()
				acked[d]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for _, d := range dids {
		if n := len(ask(w, d, repo.ListRecords{Collection: posts, Limit: 10_000})); n != acked[d] {
			t.Errorf("%s: %d records, %d acknowledged", d, n, acked[d])
		}
		verifyExport(w, d, headCID(w, d))
	}
}
