package blob

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
)

const (
	alice = syntax.DID("did:web:alice.example")
	odd   = syntax.DID("did:web:localhost%3A3000") // its folder is named by a digest
)

var payload = bytes.Repeat([]byte("payload "), 10_000)

// world is a Disk and an upload, both over one seam.
type world struct {
	*seam
	disk    *Disk
	content Content
	spool   *Spool
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{seam: newSeam(t)}
	var err error
	if w.disk, err = openDisk(filepath.Join(w.root, "blobs"), w.seam); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(w.disk.TempDir(), 0o700); err != nil {
		t.Fatal(err)
	}
	w.upload(t)
	return w
}

func (w *world) upload(t *testing.T) {
	t.Helper()
	if w.spool != nil {
		w.spool.Close()
	}
	var err error
	if w.spool, err = newSpool(w.seam, w.disk.TempDir(), int64(len(payload))); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w.spool, bytes.NewReader(payload)); err != nil {
		t.Fatal(err)
	}
	w.content = w.spool.Finish()
}

// put puts the upload, as itself or as any other reader.
func (w *world) put(t *testing.T, did syntax.DID, spooled bool) error {
	var r io.Reader = w.spool.Open()
	if !spooled {
		r = bytes.NewReader(payload)
	}
	return w.disk.Put(t.Context(), did, w.content.CID, w.content.Size, r)
}

// whole says whether the blob is there, and ends the test if half of it is.
func (w *world) whole(t *testing.T, did syntax.DID, quarantined bool) bool {
	t.Helper()
	o, err := w.disk.open(t.Context(), did, w.content.CID, quarantined)
	if errors.Is(err, os.ErrNotExist) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if got, err := io.ReadAll(o); err != nil || !bytes.Equal(got, payload) {
		t.Fatalf("after %q, %d of %d bytes are visible, %v", w.fired, len(got), len(payload), err)
	}
	return true
}

// litter are files that nobody looks for.
func (w *world) litter(t *testing.T) (names []string) {
	t.Helper()
	err := filepath.WalkDir(w.root, func(path string, e os.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(e.Name(), spoolPrefix) {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// faults runs fn with every call failing once in every way, until fn needs no
// more of them. fn is told the class of error to expect.
func faults(t *testing.T, fn func(t *testing.T, arm func(*world), class error) *world) {
	t.Helper()
	for _, way := range []struct {
		name  string
		done  bool
		err   error
		class error
	}{
		{"full", false, syscall.ENOSPC, ErrFull},
		{"over quota, though done", true, syscall.EDQUOT, ErrFull},
		{"broken", false, syscall.EIO, ErrUnavailable},
		{"broken, though done", true, syscall.EIO, ErrUnavailable},
		{"read-only", false, syscall.EROFS, ErrUnavailable},
	} {
		t.Run(way.name, func(t *testing.T) {
			for n := 0; ; n++ {
				w := fn(t, func(w *world) { w.arm(n, way.done, way.err) }, way.class)
				if w.fired == "" {
					if n < 2 {
						t.Errorf("only %d calls were failed", n)
					}
					return
				}
			}
		})
	}
}

func TestAPutThatFailsShowsNothingOrAll(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name             string
		did              syntax.DID
		spooled, present bool
	}{
		{"an upload", alice, true, false},
		{"an upload of what is there", alice, true, true},
		{"an upload of an account with a digest", odd, true, false},
		{"a copy", alice, false, false},
		{"a copy of what is there", alice, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			faults(t, func(t *testing.T, arm func(*world), class error) *world {
				w := newWorld(t)
				if c.present {
					if err := w.put(t, c.did, c.spooled); err != nil {
						t.Fatal(err)
					}
					w.upload(t)
				}
				arm(w)
				err := w.put(t, c.did, c.spooled)
				w.disarm()
				tidying := strings.HasPrefix(w.fired, "remove")
				if w.fired != "" && !errors.Is(err, class) && !(err == nil && tidying) {
					t.Errorf("after %q: %v, want %v", w.fired, err, class)
				}
				if there := w.whole(t, c.did, false); !there && (c.present || err == nil) {
					t.Errorf("after %q the blob is gone", w.fired)
				}
				w.upload(t)
				if err := w.put(t, c.did, c.spooled); err != nil {
					t.Errorf("once more after %q: %v", w.fired, err)
				}
				if !w.whole(t, c.did, false) {
					t.Errorf("once more after %q shows nothing", w.fired)
				}
				w.spool.Close()
				if left := w.litter(t); len(left) > 0 && !tidying && !strings.HasPrefix(w.fired, "create") {
					t.Errorf("after %q there is left %q", w.fired, left)
				}
				return w
			})
		})
	}
}

func TestMovingThatFailsLosesNothing(t *testing.T) {
	t.Parallel()
	for _, back := range []bool{false, true} {
		faults(t, func(t *testing.T, arm func(*world), class error) *world {
			w := newWorld(t)
			move := w.disk.Quarantine
			err := w.put(t, alice, true)
			if back && err == nil {
				move = w.disk.Restore
				err = w.disk.Quarantine(t.Context(), alice, w.content.CID)
			}
			if err != nil {
				t.Fatal(err)
			}
			w.spool.Close()
			arm(w)
			err = move(t.Context(), alice, w.content.CID)
			w.disarm()
			if w.fired != "" && !errors.Is(err, class) {
				t.Errorf("after %q: %v, want %v", w.fired, err, class)
			}
			if !w.whole(t, alice, back) && !w.whole(t, alice, !back) {
				t.Errorf("after %q the blob is gone", w.fired)
			}
			if err := move(t.Context(), alice, w.content.CID); err != nil {
				t.Errorf("once more after %q: %v", w.fired, err)
			}
			if w.whole(t, alice, back) || !w.whole(t, alice, !back) {
				t.Errorf("once more after %q did not move it", w.fired)
			}
			return w
		})
	}
}

func TestADeleteThatFailsCanBeDoneAgain(t *testing.T) {
	t.Parallel()
	for _, whole := range []bool{false, true} {
		faults(t, func(t *testing.T, arm func(*world), class error) *world {
			w := newWorld(t)
			remove := func() error { return w.disk.Delete(t.Context(), odd, w.content.CID) }
			if whole {
				remove = func() error { return w.disk.DeleteAccount(t.Context(), odd) }
			}
			if err := w.put(t, odd, true); err != nil {
				t.Fatal(err)
			}
			w.spool.Close()
			arm(w)
			err := remove()
			w.disarm()
			if w.fired != "" && !errors.Is(err, class) {
				t.Errorf("after %q: %v, want %v", w.fired, err, class)
			}
			w.whole(t, odd, false)
			if err := remove(); err != nil || w.whole(t, odd, false) {
				t.Errorf("once more after %q: %v", w.fired, err)
			}
			for one, err := range w.disk.List(t.Context(), odd, cid.Undef) {
				t.Errorf("once more after %q, there is %v, %v", w.fired, one, err)
			}
			return w
		})
	}
}

func TestWhatIsPutSurvivesAPowerCut(t *testing.T) {
	t.Parallel()
	for _, did := range []syntax.DID{alice, odd} {
		for _, spooled := range []bool{true, false} {
			w := newWorld(t)
			dir := filepath.Join("blobs", folderName(did))
			path := filepath.Join(dir, w.content.CID.String())
			for range 2 { // the second time it replaces
				if err := w.put(t, did, spooled); err != nil {
					t.Fatal(err)
				}
				if err := w.durable(path); err != nil {
					t.Errorf("%s, spooled %t: %v\n%s", did, spooled, err, strings.Join(w.calls, "\n"))
				}
				w.upload(t)
			}
			if did == odd {
				if err := w.durable(filepath.Join("blobs", namesDir, folderName(did))); err != nil {
					t.Error(err)
				}
			}
			before := len(w.calls)
			if err := w.disk.Quarantine(t.Context(), did, w.content.CID); err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"blobs", "blobs/" + quarantineDir, "blobs/" + quarantineDir + "/" + folderName(did), dir} {
				if !contains(w.calls[before:], "syncdir "+want) {
					t.Errorf("quarantine did not sync %s", want)
				}
			}
			before = len(w.calls)
			if err := w.disk.Delete(t.Context(), did, w.content.CID); err != nil {
				t.Fatal(err)
			}
			if !contains(w.calls[before:], "syncdir blobs/"+quarantineDir+"/"+folderName(did)) {
				t.Error("delete did not sync the folder")
			}
		}
	}
}

// The folder may have been made by a process that died before it synced.
func TestAFolderThatWasThereIsSyncedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := os.Mkdir(filepath.Join(w.disk.root, folderName(alice)), 0o700); err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false} {
		before := len(w.calls)
		if err := w.put(t, alice, true); err != nil {
			t.Fatal(err)
		}
		if contains(w.calls[before:], "syncdir blobs") != want {
			t.Errorf("put %d: the folder above was synced: %t", i, !want)
		}
	}
	// Another process removes folders that are empty.
	if err := errors.Join(w.disk.Delete(t.Context(), alice, w.content.CID), os.Remove(filepath.Join(w.disk.root, folderName(alice)))); err != nil {
		t.Fatal(err)
	}
	before := len(w.calls)
	if err := w.put(t, alice, true); err != nil {
		t.Fatal(err)
	}
	if !contains(w.calls[before:], "syncdir blobs") {
		t.Error("a folder that was made again was not synced")
	}
}

func TestAnFsyncThatFailedIsNotAskedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.arm(0, false, syscall.EIO)
	for i := range 2 {
		if err := w.put(t, alice, true); !errors.Is(err, ErrUnavailable) {
			t.Errorf("put %d of an upload that is not on the disk: %v", i, err)
		}
		w.disarm()
	}
	if !strings.HasPrefix(w.fired, "sync ") {
		t.Errorf("it was %q that failed", w.fired)
	}
	if w.whole(t, alice, false) {
		t.Error("it is visible")
	}
}

func TestFileSystemsWithoutLinksGetACopy(t *testing.T) {
	t.Parallel()
	for _, cannot := range []error{syscall.EXDEV, syscall.EPERM, syscall.ENOTSUP} {
		for n := range 20 {
			w := newWorld(t)
			w.arm(n, false, cannot)
			err := w.put(t, alice, true)
			w.disarm()
			if !strings.HasPrefix(w.fired, "name") {
				continue
			}
			if err != nil || !w.whole(t, alice, false) {
				t.Errorf("%v: %v", cannot, err)
			}
			if err := w.durable("blobs/" + folderName(alice) + "/" + w.content.CID.String()); err != nil {
				t.Error(err)
			}
			break
		}
	}
}

func contains(calls []string, want string) bool {
	for _, c := range calls {
		if c == want {
			return true
		}
	}
	return false
}
