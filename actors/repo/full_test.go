package repo_test

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/repo"
	"troupe/sequencing"
	"troupe/storage/sqlite/faultvfs"
)

// An account whose file lags behind the log is read on a full disk as if it
// did not, and its file catches up when there is room again.
func TestAFileThatLagsIsReadOnAFullDisk(t *testing.T) {
	for _, rounds := range []int{3, 600} { // less and more than one batch of a replay
		dir := t.TempDir()
		w := open(t, dir, 16)
		d := w.account(1)
		churn(w, d, 40, 1)
		w.close()
		before, err := os.ReadFile(w.file(d))
		if err != nil {
			t.Fatal(err)
		}
		wal, err := os.ReadFile(w.file(d) + "-wal")
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		w = open(t, dir, 16)
		grow(w, d, rounds)
		newest := ask(w, d, repo.Flush{})
		head := headCID(w, d)
		w.close()
		if os.WriteFile(w.file(d), before, 0o600) != nil || os.WriteFile(w.file(d)+"-wal", wal, 0o600) != nil {
			t.Fatal("set the file back")
		}

		disk := faultvfs.New("lagging")
		disk.Set(faultvfs.Fault{At: 1, Ops: faultvfs.Write | faultvfs.Truncate | faultvfs.Allocate, Action: faultvfs.ENOSPC, Sticky: true})
		w = openOn(t, dir, 16, "lagging")
		verifyExport(w, d, head)
		if err := refusal(w, d, repo.Flush{}); !errors.Is(err, repo.ErrUnavailable) || !errors.Is(err, sequencing.ErrFull) {
			t.Errorf("a flush on a full disk: %v", err)
		}
		disk.Clear()
		ask(w, d, writes(create(t, "new", "there is room again")))
		if at := ask(w, d, repo.Flush{}); at <= newest {
			t.Errorf("the file stands at entry %d, before it was set back at %d", at, newest)
		}
		verifyExport(w, d, headCID(w, d))
		w.close()
	}
}

// What was applied to the log and not to the file is read all the same when
// the disk fills up meanwhile.
func TestPendingChangesAreReadOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	disk := faultvfs.New("filling")
	w := openOn(t, dir, 16, "filling")
	defer w.close()
	d := w.account(1)
	churn(w, d, 40, 1)
	disk.Set(faultvfs.Fault{At: 1, Ops: faultvfs.Write | faultvfs.Truncate | faultvfs.Allocate, Action: faultvfs.ENOSPC, Sticky: true})
	grow(w, d, 100)
	verifyExport(w, d, headCID(w, d))
	disk.Clear()
	ask(w, d, repo.Flush{})
	verifyExport(w, d, headCID(w, d))
}

// grow is more history on top of churn's, without flushes.
func grow(w *world, d syntax.DID, rounds int) {
	w.t.Helper()
	for i := range rounds {
		w1 := create(w.t, fmt.Sprintf("more%04d", i), fmt.Sprint("more ", i))
		if i%3 == 2 {
			w1 = repo.Write{Action: sequencing.ActionDelete, Collection: posts, RKey: syntax.RecordKey(fmt.Sprintf("more%04d", i-1))}
		}
		ask(w, d, writes(w1))
	}
}
