package repo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/sequencing"
	"troupe/storage/keys"
	"troupe/storage/repodb"
	"troupe/storage/sqlite/faultvfs"
)

// abandonWorld ends what is left of a world whose disk has died.
func (w *world) abandonWorld() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = w.repos.Close(ctx)
	w.flusher.Close()
	if err := w.log.Close(); err != nil {
		w.t.Error(err)
	}
	w.sys.Shutdown()
}

// Wherever in an import the power goes, the account comes back with the old
// repository or with the new one: the new one if anybody was told so. Then it
// can be imported again.
func TestAnImportEndsAnywhere(t *testing.T) {
	_, data, moved := donor(t, 1, func(w *world, d syntax.DID) { churn(w, d, 120, 9) })
	base := t.TempDir()
	w := open(t, base, 16)
	d := w.account(1)
	churn(w, d, 10, 3)
	old, _, _ := w.log.Head(t.Context(), d)
	w.close()

	const name = "import-crash"
	ends := map[string]int{}
	// attempt imports on a disk with a fault, cuts the power and starts again.
	attempt := func(fault faultvfs.Fault, keep faultvfs.Keep) (steps int) {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(base)); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(dir, "keys", "kek"), 0o600); err != nil {
			t.Fatal(err)
		}
		disk := faultvfs.New(name)
		w := openOn(t, dir, 16, name)
		ask(w, d, repo.Wake{})
		disk.Set(fault)
		_, err := w.importer().Import(t.Context(), d, bytes.NewReader(moved))
		if err == nil && fault.At == 0 {
			cleared(w, d)
		}
		steps = disk.Counted()
		w.abandonWorld()
		if cerr := disk.PowerCut(keep, true); cerr != nil {
			t.Fatal(cerr)
		}
		w = open(t, dir, 16)
		defer w.close()
		verifyExport(w, d, headCID(w, d))
		h, _, _ := w.log.Head(t.Context(), d)
		switch {
		case h.Data == data && err != nil:
			ends["nobody was told"]++ // which may be, and is rare
		case h.Data == data:
			ends["told"]++
		case h.Data == old.Data && err != nil:
			ends["nothing"]++
		case h.Data != old.Data:
			t.Errorf("step %d: the repository is neither the old one nor the new one", fault.At)
		case err == nil:
			t.Errorf("step %d: an import that was answered is gone", fault.At)
		}
		w.importCAR(d, moved)
		cleared(w, d)
		if h, _, _ = w.log.Head(t.Context(), d); h.Data != data {
			t.Errorf("step %d: the next import did not take place", fault.At)
		}
		return steps
	}
	steps := attempt(faultvfs.Fault{}, faultvfs.KeepNothing)
	stride := max(steps/40, 1)
	for at := 1; at <= steps; at += stride {
		keep := faultvfs.KeepNothing
		if at/stride%3 == 2 {
			keep = faultvfs.KeepAll
		}
		attempt(faultvfs.Fault{At: at, Action: faultvfs.Crash}, keep)
	}
	if ends["nothing"] < 2 || ends["told"] < 2 {
		t.Errorf("of %d steps only some kinds of ends were seen: %v", steps, ends)
	}
}

// The log takes an import and the process ends before the file does: the next
// activation changes the file, and applies what came after.
func TestAnImportIsReplayed(t *testing.T) {
	_, _, moved := donor(t, 1, func(w *world, d syntax.DID) { churn(w, d, 40, 9) })
	dir, copied := t.TempDir(), t.TempDir()
	var d syntax.DID
	taken := false
	w := openWith(t, dir, mailbox.RouterOptions{Live: 16, Shards: 4}, func(c *repo.Config) {
		log := c.Log.(*sequencing.SQLiteLog)
		c.Append = func(a sequencing.Append, done func(sequencing.Committed, error)) {
			log.Append(a, func(committed sequencing.Committed, err error) {
				if a.Entries[0].Kind == sequencing.KindImport { // the log has it, the actor has not heard
					copyFile(t, filepath.Join(keys.ActorDir(filepath.Join(dir, "actors"), d), repodb.FileName), filepath.Join(copied, "at-append"))
					taken = true
				}
				done(committed, err)
			})
		}
	})
	d = w.account(1)
	churn(w, d, 10, 3)
	ask(w, d, repo.Flush{})
	ask(w, d, repo.Flush{})
	copyFile(t, w.file(d), filepath.Join(copied, "before"))
	w.importCAR(d, moved)
	ask(w, d, writes(create(t, "after", "comes after the import")))
	head := headCID(w, d)
	w.close()
	if !taken {
		t.Fatal("no import reached the log")
	}

	copyFile(t, filepath.Join(copied, "at-append"), w.file(d))
	for range 2 { // replayed, then as it is
		w = open(t, dir, 16)
		verifyExport(w, d, head)
		ask(w, d, repo.GetRecord{Collection: posts, RKey: "after"})
		cleared(w, d)
		w.close()
	}

	// A copy from before the import: the log alone cannot bring the repository back.
	copyFile(t, filepath.Join(copied, "before"), w.file(d))
	w = open(t, dir, 16)
	defer w.close()
	seq := entryOf(w, d, sequencing.KindImport)
	err := refusal(w, d, repo.ListRecords{Collection: posts, Limit: 1})
	if !errors.Is(err, repo.ErrUnavailable) || !errors.Is(err, repodb.ErrNotStaged) || !strings.Contains(err.Error(), fmt.Sprintf("entry %d", seq)) {
		t.Errorf("a file from before the import: %v", err)
	}
	if h, ok, err := w.log.Head(t.Context(), d); !ok || err != nil || h.Commit.String() != head {
		t.Error("the head does not answer any more", ok, err)
	}
}

// entryOf is the number of an account's first entry of a kind.
func entryOf(w *world, d syntax.DID, kind sequencing.Kind) (seq sequencing.Seq) {
	w.t.Helper()
	err := w.log.Replay(w.t.Context(), d, 0, func(e sequencing.Event) error {
		if e.Kind == kind && seq == 0 {
			seq = e.Seq
		}
		return nil
	})
	if err != nil || seq == 0 {
		w.t.Fatal(seq, err)
	}
	return seq
}

// Staging without a finish is gone after a restart, and costs the account nothing.
func TestAnImportThatWasNotFinished(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir, 16)
	d := w.account(1)
	churn(w, d, 10, 3)
	head := headCID(w, d)
	b := begin(w, d)
	ask(w, d, repo.StageImport{ID: b.ID, Records: []repodb.StagedRecord{{Collection: posts, RKey: "a", CID: post(t, "x").CID, Bytes: post(t, "x").Bytes}}})
	ask(w, d, writes(create(t, "meanwhile", "others write on")))
	if err := refusal(w, d, repo.FinishImport{ID: b.ID, Data: cid.Undef, Records: 1}); !errors.Is(err, repo.ErrInvalidSwap) {
		t.Error(err)
	}
	w.close()
	w = open(t, dir, 16)
	defer w.close()
	if headCID(w, d) == head {
		t.Error("the write is gone")
	}
	if err := refusal(w, d, repo.StageImport{ID: b.ID}); !errors.Is(err, repo.ErrImportGone) {
		t.Error(err)
	}
	cleared(w, d)
	verifyExport(w, d, headCID(w, d))
}

// A full disk ends an import and nothing else: it can be tried again.
func TestImportOnAFullDisk(t *testing.T) {
	_, _, moved := donor(t, 1, func(w *world, d syntax.DID) { churn(w, d, 100, 9) })
	disk := faultvfs.New("import-full")
	w := openOn(t, t.TempDir(), 16, "import-full")
	defer w.close()
	d := w.account(1)
	churn(w, d, 10, 3)
	ask(w, d, repo.Flush{})
	head := headCID(w, d)
	full := faultvfs.Fault{Ops: faultvfs.Write | faultvfs.Truncate | faultvfs.Allocate, Action: faultvfs.ENOSPC, Sticky: true}
	for full.At = 1; ; full.At++ {
		disk.Set(full)
		made, err := w.importer().Import(t.Context(), d, bytes.NewReader(moved))
		if err == nil {
			// The log has it, and the file follows when there is room.
			disk.Clear()
			verifyExport(w, d, made.CID.String())
			break
		}
		if !errors.Is(err, sequencing.ErrFull) {
			t.Errorf("write %d: %v", full.At, err)
		}
		disk.Clear()
		if got := headCID(w, d); got != head {
			t.Fatalf("write %d moved the head", full.At)
		}
		verifyExport(w, d, head)
	}
	if full.At < 4 {
		t.Errorf("only %d writes failed an import", full.At-1)
	}
	verifyExport(w, d, w.importCAR(d, moved).CID.String())
}
