package repo_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/sequencing"
	"troupe/storage/sqlite/faultvfs"
)

// Wherever in a put the power goes, all preferences are the old ones or all are
// the new ones: the new ones if anybody was told so. Records stay whole.
func TestAPutOfPreferencesEndsAnywhere(t *testing.T) {
	several := func(of string, n int) (all []repo.Preference) {
		for i := range n {
			all = append(all, pref("app.bsky."+of, fmt.Sprintf(`,"n":%d`, i)))
		}
		return all
	}
	base := t.TempDir()
	w := open(t, base, 16)
	d := w.account(1)
	churn(w, d, 10, 3)
	if err := w.putPrefs(d, true, several("old", 40)...); err != nil {
		t.Fatal(err)
	}
	old := w.prefs(d, "app.bsky", true)
	w.close()

	const name = "preferences-crash"
	ends := map[string]int{}
	attempt := func(at int, keep faultvfs.Keep) (steps int) {
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
		disk.Set(faultvfs.Fault{At: at, Action: faultvfs.Crash})
		told := w.putPrefs(d, true, several("new", 60)...) == nil
		steps = disk.Counted()
		w.abandonWorld()
		if err := disk.PowerCut(keep, true); err != nil {
			t.Fatal(err)
		}
		w = open(t, dir, 16)
		defer w.close()
		verifyExport(w, d, headCID(w, d))
		var want string
		for _, p := range several("new", 60) {
			want += string(p.Value) + "\n"
		}
		switch got := w.prefs(d, "app.bsky", true); {
		case got == want && told:
			ends["told"]++
		case got == want:
			ends["nobody was told"]++
		case got != old:
			t.Errorf("step %d: neither the old nor the new: %s", at, got)
		case told:
			t.Errorf("step %d: what was answered is gone", at)
		default:
			ends["nothing"]++
		}
		return steps
	}
	steps := attempt(0, faultvfs.KeepNothing)
	for at := 1; at <= steps; at++ {
		attempt(at, faultvfs.KeepNothing)
		attempt(at, faultvfs.KeepAll)
	}
	if ends["told"] < 1 || ends["nothing"] < 2 {
		t.Errorf("of %d steps only some kinds of ends were seen: %v", steps, ends)
	}
}

// On a full disk a put is refused and nothing changes; when the disk fails the
// actor is replaced.
func TestPreferencesOnABadDisk(t *testing.T) {
	const name = "preferences-bad"
	disk := faultvfs.New(name)
	w := openOn(t, t.TempDir(), 16, name)
	defer w.close()
	d := w.account(1)
	a, b := pref("app.bsky.a", ""), pref("app.bsky.b", "")
	if err := w.putPrefs(d, true, a); err != nil {
		t.Fatal(err)
	}
	disk.Set(faultvfs.Fault{At: 1, Ops: faultvfs.Write | faultvfs.Truncate | faultvfs.Allocate, Action: faultvfs.ENOSPC, Sticky: true})
	if err := w.putPrefs(d, true, b); !errors.Is(err, repo.ErrUnavailable) || !errors.Is(err, sequencing.ErrFull) {
		t.Errorf("on a full disk: %v", err)
	}
	if got := w.prefs(d, "app.bsky", true); got != string(a.Value)+"\n" {
		t.Errorf("after a refusal: %s", got)
	}
	disk.Clear()
	disk.Set(faultvfs.Fault{At: 1, Ops: faultvfs.Sync, Suffix: "-wal", Action: faultvfs.EIO})
	if err := w.putPrefs(d, true, b); !errors.Is(err, mailbox.ErrCrashed) {
		t.Errorf("what could not be synced: %v", err)
	}
	disk.Clear()
	usable(w, d)
	if err := w.putPrefs(d, true, b, a); err != nil {
		t.Fatal(err)
	}
	if got := w.prefs(d, "app.bsky", true); got != string(b.Value)+"\n"+string(a.Value)+"\n" {
		t.Errorf("afterwards: %s", got)
	}
	// Records that wait in memory are seen by a search for recent ones, which needs no room.
	at := w.repos.Of(d.String())
	before := ask(w, d, writes(create(t, "old", "1"))).Commit.Rev
	disk.Set(faultvfs.Fault{At: 1, Ops: faultvfs.Write | faultvfs.Truncate | faultvfs.Allocate, Action: faultvfs.ENOSPC, Sticky: true})
	last := create(t, "new", "2")
	ask(w, d, writes(last))
	got, err := mailbox.Ask(context.Background(), at, repo.ReadRecent{Since: before, Collection: last.Collection, Limit: 10})
	if err != nil || len(got.Records) != 1 || got.Records[0].RKey != "new" {
		t.Errorf("recent on a full disk: %+v %v", got, err)
	}
	disk.Clear()
}
