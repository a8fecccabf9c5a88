package repodb

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"troupe/storage/dag"
)

func rawCID(s string) cid.Cid {
	h := sha256.Sum256([]byte(s))
	m, _ := multihash.Encode(h[:], multihash.SHA2_256)
	return cid.NewCidV1(cid.Raw, m)
}

// pointAt makes posts of which each shows one blob; every third blob has not
// been uploaded.
func pointAt(tb testing.TB, db *DB, n int, missing func(i int) bool) (all []cid.Cid) {
	tb.Helper()
	for from := 0; from < n; from += 1000 {
		err := db.Transact(tb.Context(), func(t *Tx) error {
			for i := from; i < min(n, from+1000); i++ {
				b := dag.Blob{CID: rawCID(fmt.Sprint(i)), MimeType: "image/png", Size: 10}
				all = append(all, b.CID)
				r := RecordChange{Collection: "app.bsky.feed.post", RKey: syntax.RecordKey(fmt.Sprintf("%013d", i))}
				if err := t.reference(r, b); err != nil {
					return err
				}
				if missing(i) { // as an import leaves it
					if err := t.DeleteBlob(b.CID); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
	return all
}

// Lists are in the order of the CIDs as text, which is not that of their bytes:
// in base32 digits stand for more than letters and sort before them.
func TestOrderOfBlobs(t *testing.T) {
	db := fresh(t)
	all := pointAt(t, db, 300, func(i int) bool { return i%3 == 0 })
	var lacking []cid.Cid
	for i := 0; i < len(all); i += 3 {
		lacking = append(lacking, all[i])
	}
	if slices.IsSortedFunc(all, byText) {
		t.Fatal("nothing to sort")
	}
	slices.SortFunc(all, byText)
	slices.SortFunc(lacking, byText)
	if slices.IsSortedFunc(all, func(a, b cid.Cid) int { return strings.Compare(a.KeyString(), b.KeyString()) }) {
		t.Fatal("both orders are the same here")
	}
	var listed, missing []cid.Cid
	err := db.Read(t.Context(), func(r *Reader) error {
		for after, full := cid.Undef, true; full; {
			page, err := r.ListBlobs(after, "", 7)
			if err != nil {
				return err
			}
			listed = append(listed, page...)
			if full = len(page) == 7; full {
				after = page[6]
			}
		}
		for after, full := cid.Undef, true; full; {
			page, err := r.ListMissingBlobs(after, 7)
			if err != nil {
				return err
			}
			for _, m := range page {
				missing = append(missing, m.CID)
			}
			if full = len(page) == 7; full {
				after = page[6].CID
			}
		}
		page, err := r.ListBlobs(rawCID("one that is not there"), "", 1000)
		at := slices.IndexFunc(all, func(c cid.Cid) bool { return byText(c, rawCID("one that is not there")) > 0 })
		if !slices.Equal(page, all[at:]) {
			t.Errorf("%d blobs above a CID that is not there, want %d", len(page), len(all[at:]))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(listed, all) {
		t.Errorf("listed %v\nwant %v", listed, all)
	}
	if !slices.Equal(missing, lacking) {
		t.Errorf("missing %v\nwant %v", missing, lacking)
	}
}

func byText(a, b cid.Cid) int { return strings.Compare(a.String(), b.String()) }

// BenchmarkListBlobs pages over an account of 100,000 blobs.
func BenchmarkListBlobs(b *testing.B) {
	db := fresh(b)
	pointAt(b, db, 100_000, func(int) bool { return false })
	b.Run("pages of 500", func(b *testing.B) {
		var after cid.Cid
		for b.Loop() {
			err := db.Read(b.Context(), func(r *Reader) error {
				page, err := r.ListBlobs(after, "", 500)
				if len(page) < 500 {
					after = cid.Undef
				} else {
					after = page[499]
				}
				for _, c := range page {
					_ = dag.AppendCIDText(nil, c)
				}
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("missing none", func(b *testing.B) {
		for b.Loop() {
			err := db.Read(b.Context(), func(r *Reader) error { _, err := r.ListMissingBlobs(cid.Undef, 500); return err })
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

func fresh(b testing.TB) *DB {
	db, err := Open(b.Context(), b.TempDir(), "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa", Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	return db
}
