package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"troupe/storage/blob"
)

// readBlobs reads where blobs are kept and how many bytes one may have.
func (c *Config) readBlobs(s *settings) {
	c.BlobLimit = s.number("PDS_BLOB_UPLOAD_LIMIT", 5<<20)
	c.UploadLifetime = s.millis("PDS_TEMP_BLOB_LIFETIME_MS", 24*time.Hour)
	c.BlobQuota = s.number("PDS_ACCOUNT_BLOB_QUOTA", 0)
	c.Blobs = s.text("PDS_BLOBSTORE_DISK_LOCATION")
	c.BlobSpool = s.text("PDS_BLOBSTORE_DISK_TMP_LOCATION")
	bucket := blob.S3Options{
		Bucket: s.text("PDS_BLOBSTORE_S3_BUCKET"), Region: s.text("PDS_BLOBSTORE_S3_REGION"), Endpoint: s.text("PDS_BLOBSTORE_S3_ENDPOINT"),
		PathStyle: s.flag("PDS_BLOBSTORE_S3_FORCE_PATH_STYLE", false),
		AccessKey: s.text("PDS_BLOBSTORE_S3_ACCESS_KEY_ID"), SecretKey: s.text("PDS_BLOBSTORE_S3_SECRET_ACCESS_KEY"),
		UploadTimeout: s.millis("PDS_BLOBSTORE_S3_UPLOAD_TIMEOUT_MS", 20*time.Second),
		IdleTimeout:   s.millis("PDS_BLOBSTORE_S3_REQUEST_TIMEOUT_MS", 0),
	}
	switch {
	case bucket.Bucket != "":
		c.BlobBucket = &bucket
	case bucket.Endpoint != "" || bucket.Region != "" || bucket.AccessKey != "":
		s.fail("a setting of PDS_BLOBSTORE_S3_ is set, so PDS_BLOBSTORE_S3_BUCKET must be set too")
	case c.Blobs == "":
		c.Blobs = filepath.Join(c.Data, defaultBlobs)
	}
	switch {
	case c.BlobSpool != "":
	case c.Blobs != "": // on the file system of the blobs, so that none is copied
		c.BlobSpool = filepath.Join(c.Blobs, "tempt")
	default:
		c.BlobSpool = filepath.Join(c.Data, "tempt")
	}
}

// defaultBlobs is where blobs are unless a setting says otherwise.
const defaultBlobs = "blobs"

// movingFile, in the folder of the blobs, says that the server of this data
// directory finds blobs in the bucket too: without, moving them would hide them.
const movingFile = "moving"

// openBlobs opens the store of blobs, and removes what an earlier process left
// of uploads that it had not finished.
func (s *Server) openBlobs(ctx context.Context) error {
	disk, bucket, err := s.config.openBlobs()
	if err != nil {
		return err
	}
	switch {
	case bucket == nil:
		s.blobs = disk
		err = os.Remove(filepath.Join(s.config.Blobs, movingFile))
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	case disk == nil:
		s.blobs = bucket
		err = noneLeft(ctx, filepath.Join(s.config.Data, defaultBlobs))
	default:
		s.blobs = blob.NewTiered(disk, bucket)
		err = os.WriteFile(filepath.Join(s.config.Blobs, movingFile), nil, 0o600)
		s.log.Info("blobs are on disk and in a bucket: new ones go to the bucket, and pds blobs move carries the others there",
			"disk", s.config.Blobs, "bucket", s.config.BlobBucket.Bucket)
	}
	if err != nil {
		return fmt.Errorf("blobs: %w", err)
	}
	s.spool = s.config.BlobSpool
	if _, err := blob.RemoveSpools(s.spool); err != nil {
		return fmt.Errorf("blobs: uploads under way: %w", err)
	}
	return nil
}

// openBlobs opens what is configured; the other is nil.
func (c *Config) openBlobs() (disk *blob.Disk, bucket *blob.S3, err error) {
	if c.Blobs != "" {
		disk, err = blob.OpenDisk(c.Blobs)
	}
	if c.BlobBucket != nil && err == nil {
		bucket, err = blob.OpenS3(*c.BlobBucket)
	}
	return disk, bucket, err
}

// noneLeft refuses to start without a folder that has blobs, where a server of
// the default settings had put them.
func noneLeft(ctx context.Context, dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	disk, err := blob.OpenDisk(dir)
	if err != nil {
		return err
	}
	for _, err := range disk.Accounts(ctx) {
		if err != nil {
			return err
		}
		return fmt.Errorf("there are some in %s that a server with PDS_BLOBSTORE_S3_BUCKET alone would not find: set PDS_BLOBSTORE_DISK_LOCATION to it until pds blobs move has carried them over", dir)
	}
	return nil
}
