package account

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"troupe/storage/accountdb"
	"troupe/storage/sqlite"
	"troupe/storage/sqlite/faultvfs"
)

// Each step to the disk of a sign-up fails, with and without its effect. What
// was answered with success is there; the index is what the file says; and
// when the disk is well again, everything goes on.
func TestFaults(t *testing.T) {
	fs := faultvfs.New("accounts")
	for _, c := range []struct {
		name  string
		fault faultvfs.Fault
	}{
		{"not done", faultvfs.Fault{Action: faultvfs.EIO}},
		{"done and reported failed", faultvfs.Fault{Action: faultvfs.EIO, Done: true}},
		{"half done", faultvfs.Fault{Action: faultvfs.Short}},
		{"disk full", faultvfs.Fault{Action: faultvfs.ENOSPC, Sticky: true}},
	} {
		for n := 1; ; n++ {
			c.fault.At = n
			fired := false
			ok := t.Run(fmt.Sprintf("%s, step %d", c.name, n), func(t *testing.T) { fired = faulted(t, fs, c.fault) })
			if !ok || !fired {
				break
			}
		}
	}
}

// faulted signs b up while the fault is armed; false if it did not come to it.
func faulted(t *testing.T, fs *faultvfs.FS, fault faultvfs.Fault) bool {
	w := newWorldWith(t, nil, "accounts")
	w.person("a", "hash")
	fs.Set(fault)
	_, reserved := tell(w, reservation("b", ""))
	_, inserted := tell(w, insertion("b", "hash", Grant{ID: "b", Expires: noon.Add(time.Hour)}))
	fired := fs.Fired() != 0
	fs.Clear()
	if !fired && (reserved != nil || inserted != nil) {
		t.Fatal(reserved, inserted)
	}
	if fault.Action == faultvfs.ENOSPC && errors.Is(reserved, sqlite.ErrFull) && !errors.Is(reserved, sqlite.ErrSync) {
		if _, err := tell(w, FindSaga{ID: "saga b"}); !errors.Is(err, ErrNoSaga) {
			t.Errorf("after a full disk: %v", err)
		}
	}
	if inserted == nil {
		if _, ok := w.index.ByDID(did("b")); !ok {
			t.Error("answered, and not in the index")
		}
	}
	// It may be starting anew.
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		_, err := tell(w, CloseSession{DID: did("a"), ID: "none"})
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	agree(t, w)
	if _, err := tell(w, reservation("b", "")); reserved == nil && !errors.Is(err, ErrHandleTaken) {
		t.Errorf("a reservation that was answered is lost: %v", err)
	}
	if inserted == nil {
		must(w, RotateSession{DID: did("b"), ID: "b"})
	}
	must(w, insertion("b", "hash", Grant{ID: "later", Expires: noon.Add(time.Hour)}))
	must(w, RotateSession{DID: did("b"), ID: "later"})
	agree(t, w)
	return fired
}

// agree compares the index with the file.
func agree(t *testing.T, w *world) {
	t.Helper()
	n := 0
	err := w.reads.with(t.Context(), func(r *accountdb.Reader) error {
		return r.Actors(func(row accountdb.Actor) {
			n++
			if got, _ := w.index.ByDID(row.DID); got != published(row) {
				t.Errorf("index has %+v, the file %+v", got, row)
			}
		})
	})
	if err != nil || n != w.index.Len() {
		t.Errorf("index has %d accounts, the file %d, %v", w.index.Len(), n, err)
	}
}
