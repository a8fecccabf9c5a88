package bench

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"

	"github.com/ipfs/go-cid"
)

const (
	// blobSize is that of a large picture.
	blobSize = 1_000_000

	// blobType is what the server finds when it looks at the bytes: nothing known.
	blobType = "application/octet-stream"

	blobAccounts = 50 // over which blobs are spread

	// blobCollection has records of no type that a server knows.
	blobCollection = "com.example.bench"
	blobKey        = "blob"
)

// newBlob is what every blob of a worker looks like: noise, with room for a
// number at the beginning.
func newBlob(seed uint64) []byte {
	b := make([]byte, blobSize)
	rand.NewChaCha8(sha256.Sum256([]byte{byte(seed), byte(seed >> 8)})).Read(b)
	return b
}

// stamp makes a blob unlike every other.
func stamp(b []byte) { copy(b, fmt.Sprintf("blob %020d ", nextNumber())) }

// uploadBlob adds blobs that no record points at: the server may sweep them
// later, which is not measured.
func uploadBlob(ctx context.Context, t *target, o Options) (tally, error) {
	all, err := t.accounts(ctx, min(o.Accounts, blobAccounts))
	if err != nil {
		return tally{}, err
	}
	blobs := make([][]byte, o.Workers)
	for i := range blobs {
		blobs[i] = newBlob(uint64(i))
	}
	sum, _, err := t.run(ctx, o, job{workers: o.Workers, op: func(w *worker) error {
		a := w.pick(all)
		stamp(blobs[w.id])
		w.out = appendBody(w.out[:0], w.to, "com.atproto.repo.uploadBlob", "Bearer ", a.Access, blobType, blobs[w.id])
		body, _, err := w.call(w.out, false)
		if err != nil {
			return err
		}
		if !bytes.Contains(body, []byte(`"size":1000000`)) {
			return fmt.Errorf("%w: not a blob of this size", errAnswer)
		}
		w.bytes += blobSize
		return nil
	}})
	return sum, err
}

// getBlob fetches blobs that records point at. Each is compared with its CID
// once, before the measurement; then the sizes are.
func getBlob(ctx context.Context, t *target, o Options) (tally, error) {
	all, err := t.accounts(ctx, min(o.Accounts, blobAccounts))
	if err != nil {
		return tally{}, err
	}
	err = t.parallel(ctx, len(all), signUps, func(c *conn, i int) error { return t.placeBlob(c, all[i]) })
	if err != nil {
		return tally{}, fmt.Errorf("blobs to read: %w", err)
	}
	if err := t.state.write(t.path); err != nil {
		return tally{}, err
	}
	sum, _, err := t.run(ctx, o, job{workers: o.Workers, op: func(w *worker) error {
		a := w.pick(all)
		w.out = appendGet(w.out[:0], w.to, "com.atproto.sync.getBlob", params("did", a.DID.String(), "cid", a.Blob), "")
		_, size, err := w.call(w.out, true)
		if err == nil && size != blobSize {
			err = fmt.Errorf("%w: %d bytes of a blob", errAnswer, size)
		}
		w.bytes += size
		return err
	}})
	return sum, err
}

// placeBlob makes sure that an account has a blob that everybody may read.
func (t *target) placeBlob(c *conn, a *account) error {
	if a.Blob != "" && t.readBlob(c, a) == nil {
		return nil
	}
	b := newBlob(0)
	stamp(b)
	var made struct {
		Blob struct {
			Ref struct {
				Link string `json:"$link"`
			}
		}
	}
	body, _, err := c.call(appendBody(nil, t.to, "com.atproto.repo.uploadBlob", "Bearer ", a.Access, blobType, b), false)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, &made); err != nil {
		return fmt.Errorf("%w: %v", errAnswer, err)
	}
	a.Blob = made.Blob.Ref.Link
	in := map[string]any{"repo": a.DID, "collection": blobCollection, "rkey": blobKey, "record": map[string]any{
		"$type": blobCollection,
		"blob":  map[string]any{"$type": "blob", "ref": map[string]string{"$link": a.Blob}, "mimeType": blobType, "size": blobSize},
	}}
	if err := t.procedure(c, nsidPut, "Bearer ", a.Access, in, nil); err != nil {
		return err
	}
	return t.readBlob(c, a)
}

// readBlob sees that the bytes of a blob are those of its CID.
func (t *target) readBlob(c *conn, a *account) error {
	want, err := cid.Decode(a.Blob)
	if err != nil {
		return fmt.Errorf("%w: %v", errAnswer, err)
	}
	body, _, err := c.call(appendGet(nil, t.to, "com.atproto.sync.getBlob", params("did", a.DID.String(), "cid", a.Blob), ""), false)
	if err != nil {
		return err
	}
	if got, err := want.Prefix().Sum(body); err != nil || got != want {
		return fmt.Errorf("%w: other bytes than those of %s", errAnswer, want)
	}
	return nil
}
