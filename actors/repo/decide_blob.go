package repo

import (
	"slices"
	"time"

	"github.com/ipfs/go-cid"

	"troupe/storage/dag"
	"troupe/storage/repodb"
)

// checkBlobs refuses a record that points at a blob whose bytes are not here,
// or not as the record says. A blob that a record uses already is not compared
// again.
func (d *writeDecider) checkBlobs(w Write) error {
	for _, ref := range w.Record.Blobs {
		have, found, err := d.view.Blob(ref.CID)
		switch {
		case err != nil:
			return err
		case !found || have.Takedown != "" || !have.Stored():
			return BlobProblem{ref.CID, BlobMissing}
		case have.State == repodb.BlobTemporary && have.MimeType != ref.MimeType:
			return BlobProblem{ref.CID, BlobMime}
		case have.State == repodb.BlobTemporary && have.Size != ref.Size:
			return BlobProblem{ref.CID, BlobSize}
		}
	}
	return nil
}

// blobAfter is what becomes of a blob's row when changes are applied: it takes
// the steps of repodb.Tx.Apply for this one blob. holders are the paths of the
// records that point at it before, and after, the changes.
func blobAfter(b repodb.Blob, holders map[string]struct{}, changes []repodb.Change) repodb.Blob {
	for _, c := range changes {
		for _, r := range c.Records {
			path := r.Path()
			_, held := holders[path]
			delete(holders, path)
			switch {
			case slices.ContainsFunc(r.Blobs, func(ref dag.Blob) bool { return ref.CID == b.CID }):
				holders[path] = struct{}{}
				b.State = repodb.BlobPermanent
			case held && len(holders) == 0 && b.State == repodb.BlobPermanent:
				b.State = repodb.BlobDeleting
			}
		}
	}
	return b
}

// decideReserve says what the row of a blob is to be when somebody wants to
// upload it, and whether that is anything new. used is what the account's blobs
// take now, quota what they may; 0 is no bound.
func decideReserve(row repodb.Blob, found bool, want dag.Blob, now time.Time, used, quota int64) (next repodb.Blob, write bool, err error) {
	next = repodb.Blob{Blob: want, State: repodb.BlobUploading, Uploaded: now}
	switch {
	case row.Takedown != "":
		return row, false, ErrBlobTakendown
	case !found && quota > 0 && want.Size > quota-used:
		return row, false, ErrQuota
	case !found:
		return next, true, nil
	case row.State == repodb.BlobDeleting:
		return row, false, ErrBlobBusy
	case row.State == repodb.BlobPermanent:
		return row, false, nil // its type is the one that records agreed with
	case row.State == repodb.BlobTemporary:
		next.State = repodb.BlobTemporary // used later, or as another type, than the first upload said
	}
	return next, true, nil
}

// decideConfirm says what a reserved blob is once its bytes are durable.
func decideConfirm(row repodb.Blob, found, referenced bool) (next repodb.Blob, write bool, err error) {
	next = row
	switch {
	case row.Takedown != "":
		return row, false, ErrBlobTakendown
	case found && row.Stored():
		return row, false, nil // somebody else uploaded the same, or this was asked before
	case !found || row.State != repodb.BlobUploading:
		return row, false, ErrNotReserved
	case referenced: // by an imported record, which came before its blob
		next.State = repodb.BlobPermanent
	default:
		next.State = repodb.BlobTemporary
	}
	return next, true, nil
}

// decideTakedown says what the row of a blob is to be when it is taken down,
// or with ref "" no longer is. keep false: there is to be none.
func decideTakedown(c cid.Cid, row repodb.Blob, found, referenced bool, ref string, now time.Time) (next repodb.Blob, keep bool, err error) {
	next = row
	next.Takedown = ref
	switch {
	case !found && !referenced:
		return row, false, ErrBlobNotFound
	case !found && ref == "":
		return row, false, nil
	case !found: // it was imported and not uploaded yet, and is not to be
		return repodb.Blob{Blob: dag.Blob{CID: c}, State: repodb.BlobBanned, Uploaded: now, Takedown: ref}, true, nil
	case ref == "" && row.State == repodb.BlobBanned:
		return row, false, nil
	}
	return next, true, nil
}
