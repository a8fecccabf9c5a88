package repodb

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/car"
	"troupe/storage/dag"
)

// Whatever is done to records and rows of blobs, several things in a transaction
// or one, the counts are what counting says.
func TestCountsAreKept(t *testing.T) {
	const did = syntax.DID("did:plc:bbbbbbbbbbbbbbbbbbbbbbbb")
	db, err := Open(t.Context(), t.TempDir(), did, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	r := rand.New(rand.NewPCG(1, 2))
	blob := func() dag.Blob {
		n := r.IntN(6)
		return dag.Blob{CID: dag.SumRaw([]byte{byte(n)}), MimeType: "a/b", Size: int64(10*n - 1)} // one of unknown size
	}
	live, rev := map[string]bool{}, 0
	change := func() Change {
		rev++
		c := Change{Seq: int64(rev), Rev: syntax.NewTID(int64(rev), 0), Commit: car.Block{CID: dag.Sum(nil), Data: []byte{0}}, Data: dag.Sum(nil)}
		named := map[string]bool{}
		for range 1 + r.IntN(3) {
			rc := RecordChange{Collection: "com.example.item", RKey: syntax.RecordKey(fmt.Sprint(r.IntN(8)))}
			if named[rc.Path()] {
				continue
			}
			named[rc.Path()] = true
			if rc.Created = !live[rc.Path()]; rc.Created || r.IntN(2) == 0 {
				rc.Bytes = fmt.Append(nil, rev)
				rc.CID = dag.Sum(rc.Bytes)
				for range r.IntN(3) {
					rc.Blobs = append(rc.Blobs, blob())
				}
			}
			live[rc.Path()] = rc.CID.Defined()
			c.Records = append(c.Records, rc)
		}
		return c
	}
	step := func(tx *Tx) error {
		switch r.IntN(6) {
		case 0, 1, 2:
			changes := []Change{change()}
			for range r.IntN(3) {
				changes = append(changes, change())
			}
			return tx.Apply(did, Merge(changes))
		case 3:
			return tx.SetBlob(Blob{Blob: blob(), State: BlobState(r.IntN(5)), Uploaded: time.UnixMicro(r.Int64N(100))})
		case 4:
			return tx.DeleteBlob(blob().CID)
		default:
			_, err := tx.SweepBlobs(time.UnixMicro(50))
			return err
		}
	}
	if err := db.Transact(t.Context(), func(tx *Tx) error { return tx.Apply(did, Merge([]Change{change()})) }); err != nil {
		t.Fatal(err)
	}
	seen := Counts{}
	for i := range 600 {
		err := db.Transact(t.Context(), func(tx *Tx) error {
			for range 1 + r.IntN(3) {
				if err := step(tx); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		err = db.Read(t.Context(), func(r *Reader) error {
			root, _, err := r.Root()
			if err != nil {
				return err
			}
			want, err := r.counted()
			if want != root.Counts {
				t.Fatalf("step %d: the root says %+v, there are %+v", i, root.Counts, want)
			}
			seen.add(want)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen.Records == 0 || seen.Referenced == 0 || seen.Blobs == 0 || seen.BlobBytes == 0 {
		t.Fatalf("the steps never made %+v", seen)
	}
}

// What is not committed does not count, and a preview shows what would.
func TestCountsOfPreview(t *testing.T) {
	const did = syntax.DID("did:plc:bbbbbbbbbbbbbbbbbbbbbbbb")
	db, err := Open(t.Context(), t.TempDir(), did, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	c := Change{Seq: 1, Rev: syntax.NewTID(1, 0), Commit: car.Block{CID: dag.Sum(nil), Data: []byte{0}}, Data: dag.Sum(nil)}
	if err := db.Transact(t.Context(), func(tx *Tx) error { return tx.Apply(did, Merge([]Change{c})) }); err != nil {
		t.Fatal(err)
	}
	counts := func(r *Reader) (c Counts) {
		root, _, err := r.Root()
		if err != nil {
			t.Fatal(err)
		}
		return root.Counts
	}
	add := func(tx *Tx) error {
		return tx.SetBlob(Blob{Blob: dag.Blob{CID: dag.SumRaw(nil), MimeType: "a/b", Size: 7}, State: BlobTemporary})
	}
	err = db.Preview(t.Context(), add, func(r *Reader) error {
		if got := counts(r); got != (Counts{Blobs: 1, BlobBytes: 7}) {
			t.Errorf("previewed %+v", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = db.Read(t.Context(), func(r *Reader) error {
		if got := counts(r); got != (Counts{}) {
			t.Errorf("a preview left %+v", got)
		}
		return nil
	})
}
