package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/blob"
)

// blobsToCheck is the folder in which every blob must be; "" if a bucket has
// some or all of them, which a check does not ask.
func blobsToCheck(s *settings, data string) (string, error) {
	if s.text("PDS_BLOBSTORE_S3_BUCKET") != "" {
		return "", nil
	}
	return filepath.Abs(s.textOr("PDS_BLOBSTORE_DISK_LOCATION", filepath.Join(data, "blobs")))
}

// blobsAtRest opens blobs in a folder for a check, which makes nothing; nil
// without one.
func blobsAtRest(dir string) (func(context.Context, syntax.DID, cid.Cid) (blob.Object, error), error) {
	if dir == "" {
		return nil, nil
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return func(context.Context, syntax.DID, cid.Cid) (blob.Object, error) { return nil, blob.ErrNotFound }, nil
	}
	disk, err := blob.OpenDisk(dir)
	if err != nil {
		return nil, err
	}
	return disk.Open, nil
}
