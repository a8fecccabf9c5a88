package blob_test

import (
	"testing"

	"troupe/storage/blob"
	"troupe/storage/blob/blobtest"
)

func openDisk(t *testing.T) *blob.Disk {
	t.Helper()
	d, err := blob.OpenDisk(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDisk(t *testing.T) {
	t.Parallel()
	blobtest.Conform(t, 1<<20, func(t *testing.T) blob.Store { return openDisk(t) })
}

func TestS3(t *testing.T) {
	t.Parallel()
	const part = 256 << 10
	blobtest.Conform(t, part, func(t *testing.T) blob.Store {
		s := blobtest.NewBucket(t).Store(t)
		s.SetPartSize(part)
		return s
	})
}

func TestTiered(t *testing.T) {
	t.Parallel()
	blobtest.Conform(t, 256<<10, func(t *testing.T) blob.Store {
		return blob.NewTiered(openDisk(t), blobtest.NewBucket(t).Store(t))
	})
}
