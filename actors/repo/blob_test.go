package repo_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/sequencing"
	"troupe/storage/blob"
	"troupe/storage/dag"
	"troupe/storage/keys"
	"troupe/storage/repodb"
)

// gallery is a world whose accounts have blobs.
type gallery struct {
	*world
	disk   *blob.Disk
	reaper *repo.Reaper
}

// openGallery opens a world over a store; wrap puts something between it and
// the reaper.
func openGallery(t testing.TB, dir string, wrap func(blob.Store) blob.Store, change func(*repo.Config)) *gallery {
	t.Helper()
	disk, err := blob.OpenDisk(filepath.Join(dir, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	g := &gallery{disk: disk}
	store := blob.Store(disk)
	if wrap != nil {
		store = wrap(store)
	}
	g.reaper = repo.NewReaper(store, func(ctx context.Context, d syntax.DID, m repo.ForgetBlobs) ([]cid.Cid, error) {
		return mailbox.Ask(ctx, g.repos.Of(d.String()), m)
	}, slog.New(slog.DiscardHandler))
	g.world = openWith(t, dir, mailbox.RouterOptions{Live: 16, Shards: 4}, func(c *repo.Config) {
		c.Reaper = g.reaper
		if change != nil {
			change(c)
		}
	})
	return g
}

// close stops everything, and checks that every row that promises bytes has them.
func (g *gallery) close() {
	g.t.Helper()
	g.reaper.Close()
	g.world.close()
	files, err := filepath.Glob(filepath.Join(g.dir, "actors", "*", "*", repodb.FileName))
	if err != nil {
		g.t.Error(err)
	}
	for _, f := range files {
		dir := filepath.Dir(f)
		d := syntax.DID(filepath.Base(dir))
		view, err := repodb.OpenView(context.Background(), dir, d, repodb.Options{})
		if err != nil {
			g.t.Error(err)
			continue
		}
		err = view.Read(context.Background(), func(r *repodb.Reader) error {
			return r.EachStoredBlob(func(c cid.Cid, _ int64) error {
				if !g.has(d, c) {
					g.t.Errorf("%s: the bytes of %s are gone", d, c)
				}
				return nil
			})
		})
		if err != nil {
			g.t.Error(err)
		}
		view.Close()
	}
}

func (g *gallery) has(d syntax.DID, c cid.Cid) bool {
	g.t.Helper()
	has, err := g.disk.Has(context.Background(), d, c)
	if err != nil {
		g.t.Error(err)
	}
	return has
}

// picture is a blob and its bytes.
type picture struct {
	dag.Blob
	bytes string
}

func paint(text string) picture {
	mh, err := multihash.Sum([]byte(text), multihash.SHA2_256, -1)
	if err != nil {
		panic(err)
	}
	return picture{dag.Blob{CID: cid.NewCidV1(cid.Raw, mh), MimeType: "image/png", Size: int64(len(text))}, text}
}

// reserve asks until older bytes are out of the way.
func (g *gallery) reserve(d syntax.DID, b dag.Blob) (repo.Reserved, error) {
	for {
		r, err := mailbox.Ask(context.Background(), g.repos.Of(d.String()), repo.ReserveBlob{Blob: b})
		if !errors.Is(err, repo.ErrBlobBusy) {
			return r, err
		}
		time.Sleep(time.Millisecond)
	}
}

func (g *gallery) put(d syntax.DID, p picture) error {
	return g.disk.Put(context.Background(), d, p.CID, p.Size, strings.NewReader(p.bytes))
}

// upload does what a server does with a client's bytes.
func (g *gallery) upload(d syntax.DID, p picture) error {
	r, err := g.reserve(d, p.Blob)
	if err != nil || r.Stored {
		return err
	}
	if err := g.put(d, p); err != nil {
		return err
	}
	_, err = mailbox.Ask(context.Background(), g.repos.Of(d.String()), repo.ConfirmBlob{CID: p.CID})
	return err
}

func (g *gallery) mustUpload(d syntax.DID, p picture) {
	g.t.Helper()
	if err := g.upload(d, p); err != nil {
		g.t.Fatal(err)
	}
}

const albums syntax.NSID = "com.example.album"

func album(rkey string, pictures ...picture) repo.Write {
	var items []string
	for _, p := range pictures {
		items = append(items, fmt.Sprintf(`{"$type":"blob","ref":{"$link":%q},"mimeType":%q,"size":%d}`, p.CID, p.MimeType, p.Size))
	}
	rec, err := dag.FromJSON(fmt.Appendf(nil, `{"$type":%q,"name":%q,"pictures":[%s]}`, albums, rkey, strings.Join(items, ",")), dag.RecordLimits)
	if err != nil {
		panic(err)
	}
	return repo.Write{Action: sequencing.ActionCreate, Collection: albums, RKey: syntax.RecordKey(rkey), Record: rec}
}

func without(rkey string) repo.Write {
	return repo.Write{Action: sequencing.ActionDelete, Collection: albums, RKey: syntax.RecordKey(rkey)}
}

// gone waits until neither row nor bytes of a blob are left.
func (g *gallery) gone(d syntax.DID, c cid.Cid) {
	g.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		_, err := mailbox.Ask(g.t.Context(), g.repos.Of(d.String()), repo.InspectBlob{CID: c})
		if errors.Is(err, repo.ErrBlobNotFound) && !g.has(d, c) {
			return
		}
		if time.Now().After(end) {
			g.t.Fatalf("%s is still there: %v", c, err)
		}
	}
}

func isMissing(err error, c cid.Cid) bool {
	return errors.Is(err, repo.BlobProblem{CID: c, Reason: repo.BlobMissing})
}

// A blob is nobody's to see until a record points at it, and gone when none does.
func TestLifeOfABlob(t *testing.T) {
	g := openGallery(t, t.TempDir(), nil, nil)
	defer g.close()
	d, stranger := g.account(1), g.account(2)
	p := paint("a picture")

	if err := refusal(g.world, d, writes(album("a", p))); !isMissing(err, p.CID) {
		t.Errorf("a record of a blob that nobody uploaded: %v", err)
	}
	g.mustUpload(d, p)
	if err := refusal(g.world, d, repo.GetBlob{CID: p.CID}); !errors.Is(err, repo.ErrBlobNotFound) {
		t.Errorf("an upload is public: %v", err)
	}
	if got := ask(g.world, d, repo.GetBlob{CID: p.CID, Private: true}); got != p.Blob {
		t.Errorf("the owner is shown %+v", got)
	}
	if err := refusal(g.world, stranger, writes(album("a", p))); !isMissing(err, p.CID) {
		t.Errorf("somebody else's upload was taken: %v", err)
	}
	first := ask(g.world, d, writes(album("a", p), album("b", p)))
	if got := ask(g.world, d, repo.GetBlob{CID: p.CID}); got != p.Blob {
		t.Errorf("shown: %+v", got)
	}
	if r, err := g.reserve(d, p.Blob); err != nil || !r.Stored {
		t.Errorf("uploaded again: %+v, %v", r, err)
	}
	q := paint("another")
	g.mustUpload(d, q)
	ask(g.world, d, writes(album("c", q)))
	both := []cid.Cid{p.CID, q.CID}
	slices.SortFunc(both, func(a, b cid.Cid) int { return strings.Compare(a.String(), b.String()) })
	if all := ask(g.world, d, repo.ListBlobs{Limit: 10}); !slices.Equal(all, both) {
		t.Errorf("listed %v", all)
	}
	if page := ask(g.world, d, repo.ListBlobs{Limit: 10, Cursor: both[0]}); !slices.Equal(page, both[1:]) {
		t.Errorf("second page %v", page)
	}
	if since := ask(g.world, d, repo.ListBlobs{Limit: 10, Since: first.Commit.Rev}); !slices.Equal(since, []cid.Cid{q.CID}) {
		t.Errorf("since the first commit: %v", since)
	}

	ask(g.world, d, writes(without("a")))
	ask(g.world, d, repo.GetBlob{CID: p.CID}) // b still shows it
	ask(g.world, d, writes(without("b")))
	if err := refusal(g.world, d, repo.GetBlob{CID: p.CID}); !errors.Is(err, repo.ErrBlobNotFound) {
		t.Errorf("after its last record: %v", err)
	}
	g.gone(d, p.CID)
	if err := refusal(g.world, d, writes(album("d", p))); !isMissing(err, p.CID) {
		t.Errorf("a record of a deleted blob: %v", err)
	}
	g.mustUpload(d, p)
	ask(g.world, d, writes(album("d", p)))
	ask(g.world, d, repo.GetBlob{CID: q.CID})
}

// Within one batch a blob may move from one record to another, and within one
// record it may stay; its bytes are not touched.
func TestABlobMovesInOneBatch(t *testing.T) {
	g := openGallery(t, t.TempDir(), nil, nil)
	defer g.close()
	d := g.account(1)
	p := paint("moving")
	g.mustUpload(d, p)
	ask(g.world, d, writes(album("a", p)))
	ask(g.world, d, writes(without("a"), album("b", p)))
	ask(g.world, d, writes(album("c", p), without("b")))
	again := album("c", p, p)
	again.Action = sequencing.ActionUpdate
	ask(g.world, d, writes(again))
	ask(g.world, d, repo.Flush{})
	ask(g.world, d, repo.GetBlob{CID: p.CID})
	if !g.has(d, p.CID) {
		t.Error("the bytes are gone")
	}
}

// A taken-down blob is hidden from everybody, cannot be used or uploaded, and
// comes back as it was. Its ban outlives its records.
func TestTakedownOfABlob(t *testing.T) {
	g := openGallery(t, t.TempDir(), nil, nil)
	defer g.close()
	d := g.account(1)
	p := paint("forbidden")
	take := func(ref string) {
		t.Helper()
		err := repo.TakeDown(t.Context(), g.disk, g.repos.Of(d.String()), d, repo.TakedownBlob{CID: p.CID, Ref: ref})
		if err != nil {
			t.Fatal(err)
		}
	}
	g.mustUpload(d, p)
	ask(g.world, d, writes(album("a", p)))
	take("case 1")
	for _, private := range []bool{false, true} {
		if err := refusal(g.world, d, repo.GetBlob{CID: p.CID, Private: private}); !errors.Is(err, repo.ErrBlobNotFound) {
			t.Errorf("shown (private %v): %v", private, err)
		}
	}
	if g.has(d, p.CID) {
		t.Error("the bytes are within reach")
	}
	if err := refusal(g.world, d, writes(album("b", p))); !isMissing(err, p.CID) {
		t.Errorf("used: %v", err)
	}
	if err := g.upload(d, p); !errors.Is(err, repo.ErrBlobTakendown) {
		t.Errorf("uploaded: %v", err)
	}
	take("")
	if got := ask(g.world, d, repo.GetBlob{CID: p.CID}); got != p.Blob || !g.has(d, p.CID) {
		t.Errorf("lifted: %+v", got)
	}
	take("case 2")
	ask(g.world, d, writes(without("a")))
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		b := ask(g.world, d, repo.InspectBlob{CID: p.CID})
		if b.State == repodb.BlobBanned {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("without records it is %+v", b)
		}
	}
	if err := g.upload(d, p); !errors.Is(err, repo.ErrBlobTakendown) {
		t.Errorf("uploaded, without records: %v", err)
	}
	take("")
	g.mustUpload(d, p)
}

// What nobody uses is swept by its age, bytes without a row are deleted, and
// what is used or known stays.
func TestSweepAndOrphans(t *testing.T) {
	g := openGallery(t, t.TempDir(), nil, nil)
	defer g.close()
	d := g.account(1)
	used, unused, begun, fresh, orphan := paint("used"), paint("unused"), paint("begun"), paint("fresh"), paint("orphan")
	g.mustUpload(d, used)
	ask(g.world, d, writes(album("a", used)))
	g.mustUpload(d, unused)
	ask(g.world, d, repo.ReserveBlob{Blob: begun.Blob})
	if err := g.put(d, begun); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Millisecond)
	now := time.Now()
	time.Sleep(2 * time.Millisecond)
	g.mustUpload(d, fresh)
	if n := ask(g.world, d, repo.SweepBlobs{UploadedBefore: now}); n != 2 {
		t.Errorf("%d blobs were swept", n)
	}
	g.gone(d, unused.CID)
	g.gone(d, begun.CID)
	if err := refusal(g.world, d, repo.ConfirmBlob{CID: begun.CID}); !errors.Is(err, repo.ErrNotReserved) {
		t.Errorf("an upload that was swept: %v", err)
	}
	if err := g.put(d, orphan); err != nil {
		t.Fatal(err)
	}
	all := []cid.Cid{used.CID, fresh.CID, orphan.CID}
	if got := ask(g.world, d, repo.OrphanBlobs{CIDs: all}); !slices.Equal(got, []cid.Cid{orphan.CID}) {
		t.Errorf("orphans: %v", got)
	}
	g.gone(d, orphan.CID)
	g.mustUpload(d, orphan)
	for _, p := range []picture{used, fresh, orphan} {
		if !g.has(d, p.CID) {
			t.Errorf("%s is gone", p.bytes)
		}
	}
}

// An account's blobs take no more than its quota, and deleting makes room.
func TestQuota(t *testing.T) {
	g := openGallery(t, t.TempDir(), nil, func(c *repo.Config) { c.BlobQuota = 20 })
	defer g.close()
	d := g.account(1)
	a, b, c := paint("ten bytes."), paint("ten more.."), paint("!")
	g.mustUpload(d, a)
	g.mustUpload(d, b)
	if err := g.upload(d, c); !errors.Is(err, repo.ErrQuota) {
		t.Errorf("over the quota: %v", err)
	}
	g.mustUpload(d, b)
	g.mustUpload(g.account(2), c)
	ask(g.world, d, writes(album("a", a)))
	ask(g.world, d, writes(without("a")))
	g.gone(d, a.CID)
	g.mustUpload(d, c)
}

// More blobs than one batch are deleted at once, and all of them are forgotten.
func TestManyBlobsGo(t *testing.T) {
	g := openGallery(t, t.TempDir(), nil, nil)
	defer g.close()
	d := g.account(1)
	var all []picture
	for i := range 150 {
		all = append(all, paint(fmt.Sprint("picture ", i)))
		g.mustUpload(d, all[i])
	}
	ask(g.world, d, writes(album("a", all...)))
	ask(g.world, d, writes(without("a")))
	for _, p := range all {
		g.gone(d, p.CID)
	}
}

// A file that is rebuilt from the log has the rows of every blob that a record
// points at.
func TestBlobRowsComeBackFromTheLog(t *testing.T) {
	dir := t.TempDir()
	g := openGallery(t, dir, nil, nil)
	d := g.account(1)
	kept, dropped := paint("kept"), paint("dropped")
	g.mustUpload(d, kept)
	g.mustUpload(d, dropped)
	ask(g.world, d, writes(album("a", kept), album("b", dropped)))
	ask(g.world, d, writes(without("b")))
	g.gone(d, dropped.CID)
	file := filepath.Join(keys.ActorDir(filepath.Join(dir, "actors"), d), repodb.FileName)
	g.close()
	remove(t, file, file+"-wal", file+"-shm")
	g = openGallery(t, dir, nil, nil)
	defer g.close()
	if got := ask(g.world, d, repo.GetBlob{CID: kept.CID}); got != kept.Blob {
		t.Errorf("rebuilt: %+v", got)
	}
	g.gone(d, dropped.CID)
	o, err := g.disk.Open(t.Context(), d, kept.CID)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if b, err := io.ReadAll(o); err != nil || string(b) != kept.bytes {
		t.Errorf("bytes %q, %v", b, err)
	}
}
