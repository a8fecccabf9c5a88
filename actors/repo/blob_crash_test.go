package repo_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/sequencing"
	"troupe/storage/blob"
	"troupe/storage/repodb"
	"troupe/storage/sqlite/faultvfs"
)

// killed copies a directory as a process leaves it that is killed at this
// moment: what was written is there, shared memory is not.
func killed(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || strings.HasSuffix(path, "-shm") {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// stepping is a store that waits before and after it deletes.
type stepping struct {
	blob.Store
	at, on chan struct{}
}

func (s stepping) Delete(ctx context.Context, d syntax.DID, cids ...cid.Cid) error {
	s.at <- struct{}{}
	<-s.on
	err := s.Store.Delete(ctx, d, cids...)
	s.at <- struct{}{}
	<-s.on
	return err
}

// A process may die between any two steps in the life of a blob. The next one
// finds it usable, or not, by the steps that were answered; it never shows what
// is not there, the upload can be done again, and nothing is left behind.
func TestEveryStepOfABlobMayBeTheLast(t *testing.T) {
	dir := t.TempDir()
	s := stepping{at: make(chan struct{}), on: make(chan struct{})}
	g := openGallery(t, dir, func(store blob.Store) blob.Store { s.Store = store; return s }, nil)
	d := g.account(1)
	p := paint("mortal")
	type death struct {
		after  string
		dir    string
		usable bool // a record may point at it
		shown  bool // a record does
		bytes  bool // they lie there, whatever the row says
	}
	var deaths []death
	dies := func(d death) { d.dir = killed(t, dir); deaths = append(deaths, d) }

	ask(g.world, d, repo.ReserveBlob{Blob: p.Blob})
	dies(death{after: "the reservation"})
	if err := g.put(d, p); err != nil {
		t.Fatal(err)
	}
	dies(death{after: "the bytes were put", bytes: true})
	ask(g.world, d, repo.ConfirmBlob{CID: p.CID})
	dies(death{after: "the confirmation", usable: true, bytes: true})
	ask(g.world, d, writes(album("a", p)))
	dies(death{after: "a record was written", usable: true, shown: true, bytes: true})
	ask(g.world, d, repo.Flush{})
	dies(death{after: "the record was applied", usable: true, shown: true, bytes: true})
	ask(g.world, d, writes(without("a")))
	dies(death{after: "the record was deleted", bytes: true})
	<-s.at // of the idle tick's flush, if nobody else's
	dies(death{after: "the deletion was applied", bytes: true})
	s.on <- struct{}{}
	<-s.at
	dies(death{after: "the bytes were deleted"})
	s.on <- struct{}{}
	g.gone(d, p.CID)
	dies(death{after: "the row was forgotten"})
	g.close()

	for _, c := range deaths {
		t.Run(c.after, func(t *testing.T) {
			g := openGallery(t, c.dir, nil, nil)
			defer g.close()
			_, err := mailbox.Ask(t.Context(), g.repos.Of(d.String()), repo.GetBlob{CID: p.CID})
			if c.shown != (err == nil) || err != nil && !errors.Is(err, repo.ErrBlobNotFound) {
				t.Errorf("shown: %v", err)
			}
			if c.bytes && c.usable && !g.has(d, p.CID) {
				t.Error("the bytes are gone")
			}
			_, err = mailbox.Ask(t.Context(), g.repos.Of(d.String()), writes(album("b", p)))
			if c.usable != (err == nil) || err != nil && !isMissing(err, p.CID) {
				t.Errorf("used: %v", err)
			}
			if !c.usable {
				ask(g.world, d, repo.SweepBlobs{UploadedBefore: time.Now().Add(time.Hour)})
				g.gone(d, p.CID)
				g.mustUpload(d, p)
				ask(g.world, d, writes(album("b", p)))
			}
			if got := ask(g.world, d, repo.GetBlob{CID: p.CID}); got != p.Blob || !g.has(d, p.CID) {
				t.Errorf("in the end: %+v", got)
			}
		})
	}
}

// failing is a store that reports failures, of deletions that happened and of
// some that did not, or panics.
type failing struct {
	blob.Store
	n *atomic.Int64
}

func (s failing) Delete(ctx context.Context, d syntax.DID, cids ...cid.Cid) error {
	switch s.n.Add(1) {
	case 1:
		return blob.ErrUnavailable
	case 2:
		_ = s.Store.Delete(ctx, d, cids...)
		return blob.ErrTimeout
	case 3:
		panic("injected")
	}
	return s.Store.Delete(ctx, d, cids...)
}

// What the store would not delete is deleted later, and until then it can
// neither be uploaded nor used.
func TestADeletionThatFailsIsTriedAgain(t *testing.T) {
	var n atomic.Int64
	g := openGallery(t, t.TempDir(), func(store blob.Store) blob.Store { return failing{store, &n} }, nil)
	defer g.close()
	d := g.account(1)
	p := paint("stubborn")
	g.mustUpload(d, p)
	ask(g.world, d, writes(album("a", p)))
	ask(g.world, d, writes(without("a")))
	ask(g.world, d, repo.Flush{})
	for n.Load() < 4 {
		_, err := mailbox.Ask(t.Context(), g.repos.Of(d.String()), writes(album("b", p)))
		if !isMissing(err, p.CID) {
			t.Fatalf("used: %v", err)
		}
		if _, err := mailbox.Ask(t.Context(), g.repos.Of(d.String()), repo.ReserveBlob{Blob: p.Blob}); err == nil && n.Load() < 4 {
			t.Fatal("uploaded beside the deletion")
		} else if err != nil && !errors.Is(err, repo.ErrBlobBusy) {
			t.Fatal(err)
		}
	}
	g.mustUpload(d, p)
	ask(g.world, d, writes(album("b", p)))
}

// On a full disk an upload is refused and nothing is remembered of it; when the
// disk fails the actor is replaced, and the upload can be done again.
func TestUploadsOnABadDisk(t *testing.T) {
	const name = "blob-rows"
	disk := faultvfs.New(name)
	g := openGallery(t, t.TempDir(), nil, func(c *repo.Config) { c.VFS = name })
	defer g.close()
	d := g.account(1)
	ask(g.world, d, repo.Flush{})
	at := g.repos.Of(d.String())
	p := paint("unlucky")

	disk.Set(faultvfs.Fault{At: 1, Ops: faultvfs.Write | faultvfs.Truncate | faultvfs.Allocate, Action: faultvfs.ENOSPC, Sticky: true})
	if _, err := mailbox.Ask(t.Context(), at, repo.ReserveBlob{Blob: p.Blob}); !errors.Is(err, sequencing.ErrFull) {
		t.Errorf("on a full disk: %v", err)
	}
	disk.Clear()
	if err := refusal(g.world, d, repo.InspectBlob{CID: p.CID}); !errors.Is(err, repo.ErrBlobNotFound) {
		t.Errorf("a row of a refused upload: %v", err)
	}
	ask(g.world, d, repo.ReserveBlob{Blob: p.Blob})
	if err := g.put(d, p); err != nil {
		t.Fatal(err)
	}
	disk.Set(faultvfs.Fault{At: 1, Ops: faultvfs.Sync, Suffix: "-wal", Action: faultvfs.EIO})
	if _, err := mailbox.Ask(t.Context(), at, repo.ConfirmBlob{CID: p.CID}); !errors.Is(err, mailbox.ErrCrashed) {
		t.Errorf("a confirmation that could not be synced: %v", err)
	}
	disk.Clear()
	usable(g.world, d)
	if b := ask(g.world, d, repo.InspectBlob{CID: p.CID}); b.State != repodb.BlobUploading && b.State != repodb.BlobTemporary {
		t.Errorf("afterwards it is %+v", b)
	}
	g.mustUpload(d, p)
	ask(g.world, d, writes(album("a", p)))
}
