package repo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/sequencing"
	"troupe/storage/car"
	"troupe/storage/dag"
)

func (w *world) importer() *repo.Importer {
	return &repo.Importer{Repos: w.repos, Dir: w.t.TempDir(), Limit: 1 << 30, Now: time.Now, Logger: slog.New(slog.DiscardHandler)}
}

// importCAR imports and fails the test on an error.
func (w *world) importCAR(d syntax.DID, b []byte) repo.Commit {
	w.t.Helper()
	c, err := w.importer().Import(w.t.Context(), d, bytes.NewReader(b))
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// exportCAR is a whole export.
func exportCAR(w *world, d syntax.DID, since syntax.TID) []byte {
	w.t.Helper()
	s := ask(w, d, repo.OpenSnapshot{})
	defer s.Close()
	var b bytes.Buffer
	if err := s.WriteCAR(w.t.Context(), &b, since); err != nil {
		w.t.Fatal(err)
	}
	return b.Bytes()
}

// content is what a repository holds, beside its commit.
func content(t testing.TB, b []byte) map[cid.Cid]string {
	t.Helper()
	roots, blocks, err := car.ReadAll(b)
	if err != nil || len(roots) != 1 {
		t.Fatal(roots, err)
	}
	all := map[cid.Cid]string{}
	for _, b := range blocks {
		if b.CID != roots[0] {
			all[b.CID] = string(b.Data)
		}
	}
	return all
}

func same[K comparable](a, b map[K]string) bool {
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return len(a) == len(b)
}

// begin begins an import once what another one left is gone.
func begin(w *world, d syntax.DID) repo.Begun {
	w.t.Helper()
	for {
		b, err := mailbox.Ask(w.t.Context(), w.repos.Of(d.String()), repo.BeginImport{})
		if err == nil {
			return b
		}
		if !errors.Is(err, repo.ErrLeftovers) {
			w.t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
}

// cleared waits until what an import left is gone.
func cleared(w *world, d syntax.DID) {
	w.t.Helper()
	ask(w, d, repo.AbandonImport{ID: begin(w, d).ID})
}

// donor is a repository of d in a world of its own: an account that moves keeps
// its DID and gets another key.
func donor(t testing.TB, i int, fill func(*world, syntax.DID)) (commit repo.Commit, data cid.Cid, export []byte) {
	t.Helper()
	w := open(t, t.TempDir(), 16)
	defer w.close()
	d := w.account(i)
	fill(w, d)
	export = exportCAR(w, d, "")
	h, _, err := w.log.Head(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return repo.Commit{CID: h.Commit, Rev: h.Rev}, h.Data, export
}

// What one server exports another one holds after the import, byte for byte,
// under a commit that its own key signs.
func TestImportRoundTrip(t *testing.T) {
	commit, data, moved := donor(t, 1, func(w *world, d syntax.DID) { churn(w, d, 200, 5) })
	dir := t.TempDir()
	w := open(t, dir, 16)
	d := w.account(1)
	ask(w, d, writes(create(t, "old", "what is replaced")))
	events := len(w.events(d))
	made := w.importCAR(d, moved)
	if made.Rev <= commit.Rev {
		t.Errorf("rev %s is not above the imported %s", made.Rev, commit.Rev)
	}
	for life := range 3 { // right after it, after a restart, and after more writes
		h, _, _ := w.log.Head(t.Context(), d)
		if life < 2 && (h.Data != data || h.Commit != made.CID || h.Rev != made.Rev) {
			t.Fatalf("the head is %+v after importing %s", h, data)
		}
		verifyExport(w, d, h.Commit.String())
		if life < 2 && !same(content(t, exportCAR(w, d, "")), content(t, moved)) {
			t.Fatal("it exports something else than was imported")
		}
		switch life {
		case 0:
			if err := refusal(w, d, repo.GetRecord{Collection: posts, RKey: "old"}); !errors.Is(err, repo.ErrRecordNotFound) {
				t.Error(err)
			}
			cleared(w, d)
			w.close()
			w = open(t, dir, 16)
			defer func() { w.close() }()
		case 1:
			ask(w, d, writes(create(t, "new", "goes on")))
			ask(w, d, repo.Flush{})
		}
	}
	if kinds := w.events(d)[events:]; fmt.Sprint(kinds) != "[import sync commit]" {
		t.Errorf("the log has %v", kinds)
	}
}

// However many nodes are put in order at a time, the repository is the same; and
// what a second import brings again is nothing new to who has seen the first.
func TestImportInOrder(t *testing.T) {
	_, data, moved := donor(t, 1, func(w *world, d syntax.DID) { churn(w, d, 400, 7) })
	blocks := len(content(t, moved))
	for _, sorted := range []int{1, 7, blocks} {
		w := open(t, t.TempDir(), 16)
		d := w.account(1)
		im := w.importer()
		im.Sorted = sorted
		var first repo.Commit
		for life := range 2 {
			made, err := im.Import(t.Context(), d, bytes.NewReader(moved))
			if err != nil {
				t.Fatal(err)
			}
			if h, _, _ := w.log.Head(t.Context(), d); h.Data != data {
				t.Errorf("%d at a time: the tree is %s, want %s", sorted, h.Data, data)
			}
			verifyExport(w, d, made.CID.String())
			if life == 0 {
				first = made
			} else if n := len(content(t, exportCAR(w, d, first.Rev))); n > 1 {
				t.Errorf("%d at a time: %d blocks are new after the same import", sorted, n)
			}
			cleared(w, d)
		}
		w.close()
	}
}

// events are the kinds of an account's entries.
func (w *world) events(d syntax.DID) (kinds []sequencing.Kind) {
	w.t.Helper()
	err := w.log.Replay(w.t.Context(), d, 0, func(e sequencing.Event) error {
		kinds = append(kinds, e.Kind)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return kinds
}

// An account that is not active yet is imported into silently; one that was
// taken down is not.
func TestImportByStatus(t *testing.T) {
	_, _, moved := donor(t, 1, func(w *world, d syntax.DID) { churn(w, d, 20, 5) })
	w := open(t, t.TempDir(), 16)
	defer w.close()
	d := w.account(1)
	ask(w, d, repo.SetStatus{Status: sequencing.StatusDeactivated})
	before := len(w.events(d))
	w.importCAR(d, moved)
	if kinds := w.events(d)[before:]; fmt.Sprint(kinds) != "[import]" {
		t.Errorf("the log has %v", kinds)
	}
	ask(w, d, repo.SetStatus{Status: sequencing.StatusActive})
	ask(w, d, writes(create(t, "new", "goes on")))
	ask(w, d, repo.SetStatus{Status: sequencing.StatusTakendown})
	var refused repo.NotActive
	if _, err := w.importer().Import(t.Context(), d, bytes.NewReader(moved)); !errors.As(err, &refused) {
		t.Error(err)
	}
	if _, err := w.importer().Import(t.Context(), did(2), bytes.NewReader(moved)); !errors.Is(err, repo.ErrInvalidRepo) {
		t.Error(err)
	}
}

// A second import is a difference: what stayed keeps its rev.
func TestImportAgain(t *testing.T) {
	source := open(t, t.TempDir(), 16)
	defer source.close()
	d := source.account(1)
	churn(source, d, 150, 5)
	w := open(t, t.TempDir(), 16)
	defer w.close()
	w.account(1)
	first := w.importCAR(d, exportCAR(source, d, ""))
	ask(source, d, writes(create(t, "later1", "late"), create(t, "later2", "late")))
	second := w.importCAR(d, exportCAR(source, d, ""))
	if second.Rev <= first.Rev {
		t.Fatal(first, second)
	}
	if n := len(content(t, exportCAR(w, d, first.Rev))); n < 2 || n > 12 {
		t.Errorf("%d blocks are new since the first import, want two records and their way", n)
	}
	third := w.importCAR(d, exportCAR(source, d, ""))
	if n := len(content(t, exportCAR(w, d, second.Rev))); n != 0 {
		t.Errorf("%d blocks are new after the same import again", n)
	}
	verifyExport(w, d, third.CID.String())
}

// Any order of blocks will do, also the reference's: newest rev first, which is
// no order of the tree.
func TestImportAnyOrder(t *testing.T) {
	_, data, moved := donor(t, 1, func(w *world, d syntax.DID) { churn(w, d, 300, 9) })
	roots, blocks, err := car.ReadAll(moved)
	if err != nil {
		t.Fatal(err)
	}
	w := open(t, t.TempDir(), 16)
	defer w.close()
	d := w.account(1)
	r := rand.New(rand.NewPCG(3, 4))
	for round := range 3 {
		r.Shuffle(len(blocks), func(i, j int) { blocks[i], blocks[j] = blocks[j], blocks[i] })
		b := car.AppendHeader(nil, roots...)
		for i, block := range blocks {
			b = car.AppendBlock(b, block.CID, block.Data)
			if round == 1 && i%3 == 0 { // again, and something that belongs to nothing
				b = car.AppendBlock(b, block.CID, block.Data)
				b = car.AppendBlock(b, dag.Sum(fmt.Append(nil, i)), fmt.Append(nil, i))
			}
		}
		w.importCAR(d, b)
		if h, _, _ := w.log.Head(t.Context(), d); h.Data != data {
			t.Fatalf("imported %s, not %s", h.Data, data)
		}
	}
	verifyExport(w, d, headCID(w, d))
}

// An export that began before an import shows the old repository to its end.
func TestImportUnderASnapshot(t *testing.T) {
	_, _, moved := donor(t, 1, func(w *world, d syntax.DID) { churn(w, d, 100, 9) })
	w := open(t, t.TempDir(), 16)
	defer w.close()
	d := w.account(1)
	churn(w, d, 100, 4)
	before := exportCAR(w, d, "")
	s := ask(w, d, repo.OpenSnapshot{})
	defer s.Close()
	w.importCAR(d, moved)
	cleared(w, d)
	var b bytes.Buffer
	if err := s.WriteCAR(t.Context(), &b, ""); err != nil || !bytes.Equal(b.Bytes(), before) {
		t.Errorf("%d bytes, %d before the import: %v", b.Len(), len(before), err)
	}
	if bytes.Equal(exportCAR(w, d, ""), before) {
		t.Error("nothing was imported")
	}
}

// An import and a write exclude each other: exactly one of them stands on the
// head that both saw.
func TestImportOrWrite(t *testing.T) {
	w := open(t, t.TempDir(), 16)
	defer w.close()
	var imported, written atomic.Int32
	var all sync.WaitGroup
	for i := range 4 {
		_, data, moved := donor(t, i, func(w *world, d syntax.DID) { churn(w, d, 20, 9) })
		d, im := w.account(i), w.importer()
		all.Go(func() {
			for range 60 {
				if race(w, im, d, data, moved) {
					imported.Add(1)
				} else {
					written.Add(1)
				}
			}
		})
	}
	all.Wait()
	if imported.Load() < 10 || written.Load() < 10 {
		t.Errorf("%d imports and %d writes won: no race", imported.Load(), written.Load())
	}
	for i := range 4 {
		verifyExport(w, did(i), headCID(w, did(i)))
	}
}

// race lets an import and a write meet, and tells whether the import won.
func race(w *world, im *repo.Importer, d syntax.DID, data cid.Cid, moved []byte) (imported bool) {
	h, _, err := w.log.Head(w.t.Context(), d)
	if err != nil {
		w.t.Error(err)
		return false
	}
	var wg sync.WaitGroup
	var importErr, writeErr error
	began := make(chan struct{})
	wg.Go(func() {
		_, importErr = im.Import(w.t.Context(), d, &signal{Reader: bytes.NewReader(moved), read: began})
	})
	wg.Go(func() {
		<-began
		time.Sleep(time.Duration(rand.IntN(25_000)) * time.Microsecond)
		m := writes(create(w.t, fmt.Sprintf("r%d", rand.Int64()), "x"))
		m.SwapCommit = h.Commit
		_, writeErr = mailbox.Ask(w.t.Context(), w.repos.Of(d.String()), m)
	})
	wg.Wait()
	after, _, _ := w.log.Head(w.t.Context(), d)
	switch {
	case importErr == nil && errors.Is(writeErr, repo.ErrInvalidSwap) && after.Data == data:
		return true
	case writeErr == nil && errors.Is(importErr, repo.ErrInvalidSwap) && after.Data != data:
		return false
	case writeErr == nil && importErr == nil && after.Data == data:
		return true // the write was there before the import began, and was replaced
	}
	w.t.Errorf("import: %v; write: %v; the head is the import's: %v", importErr, writeErr, after.Data == data)
	return false
}

// signal tells when somebody has read to the end.
type signal struct {
	*bytes.Reader
	read chan struct{} // closed
	once sync.Once
}

func (s *signal) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if s.Len() == 0 {
		s.once.Do(func() { close(s.read) })
	}
	return n, err
}

// Two imports at a time: the later one wins, the other is told.
func TestTwoImports(t *testing.T) {
	_, _, moved := donor(t, 1, func(w *world, d syntax.DID) { churn(w, d, 30, 9) })
	w := open(t, t.TempDir(), 16)
	defer w.close()
	d := w.account(1)
	first := ask(w, d, repo.BeginImport{})
	made := w.importCAR(d, moved) // waits until the first one is cleared away
	if err := refusal(w, d, repo.StageImport{ID: first.ID}); !errors.Is(err, repo.ErrImportGone) {
		t.Error(err)
	}
	if err := refusal(w, d, repo.FinishImport{ID: first.ID, Data: made.CID}); !errors.Is(err, repo.ErrImportGone) {
		t.Error(err)
	}
	next := begin(w, d)
	if err := refusal(w, d, repo.FinishImport{ID: next.ID, Data: made.CID, Nodes: 1}); !errors.Is(err, repo.ErrImportGone) {
		t.Errorf("an import of which a node is missing: %v", err)
	}
	verifyExport(w, d, made.CID.String())
}

// keyOf is an importer's Key that answers with one key.
func keyOf(k atcrypto.PrivateKey) func(context.Context, syntax.DID) (atcrypto.PublicKey, error) {
	return func(context.Context, syntax.DID) (atcrypto.PublicKey, error) { return k.PublicKey() }
}

// copyFile keeps or brings back an account's file, closed.
func copyFile(t testing.TB, from, to string) {
	t.Helper()
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(from + suffix)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to+suffix, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	os.Remove(to + "-shm")
}
