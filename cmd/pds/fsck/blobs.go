package fsck

import (
	"context"
	"errors"

	"github.com/ipfs/go-cid"

	"troupe/storage/blob"
	"troupe/storage/repodb"
)

// missingPage is how many missing blobs are counted at a time.
const missingPage = 1000

// blobs looks for the bytes that the rows of blobs promise. They are not read:
// that they are what their CID says is seen when they are put.
func (a *account) blobs(ctx context.Context) error {
	if a.Blobs == nil || !a.file.whole || a.file.view == nil {
		return nil
	}
	return a.file.view.Read(ctx, func(r *repodb.Reader) error {
		var lost int
		var first cid.Cid
		err := r.EachStoredBlob(func(c cid.Cid, size int64) error {
			there, err := a.stored(ctx, c, size)
			if err == nil && !there {
				if lost++; lost == 1 {
					first = c
				}
			}
			return err
		})
		place := a.place(repodb.FileName, a.file.root.Seq)
		switch {
		case err != nil && ctx.Err() == nil:
			a.unseen(place, err)
			return nil
		case err != nil:
			return err
		case lost > 0 && a.file.root.Seq < a.head.Seq:
			// What the file has still to apply may have deleted them.
			a.note(place, "%d blobs are not there, %s for one; the log may know why", lost, first)
		case lost > 0:
			a.bad(RuleBlob, place, "%d blobs are not there, or not whole: %s for one", lost, first)
		}
		return a.awaited(r, place)
	})
}

// stored says whether the store has a blob in the size that its row says.
func (a *account) stored(ctx context.Context, c cid.Cid, size int64) (bool, error) {
	o, err := a.Blobs(ctx, a.head.DID, c)
	if errors.Is(err, blob.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer o.Close()
	return size < 0 || o.Size() == size, nil
}

// awaited counts what an imported repository points at and its owner has not
// uploaded yet.
func (a *account) awaited(r *repodb.Reader, place Place) error {
	n, after := 0, cid.Undef
	for {
		page, err := r.ListMissingBlobs(after, missingPage)
		if err != nil {
			return err
		}
		if n += len(page); len(page) < missingPage {
			break
		}
		after = page[len(page)-1].CID
	}
	if n > 0 {
		a.note(place, "%d blobs that records point at were not uploaded", n)
	}
	return nil
}
