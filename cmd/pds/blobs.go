package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/blob"
)

// blobsCommand is `pds blobs`.
type blobsCommand struct {
	Move blobsMoveCommand `cmd:"" help:"Carry every blob from PDS_BLOBSTORE_DISK_LOCATION to PDS_BLOBSTORE_S3_BUCKET, while the server runs with both set. May be stopped and started again. Exit code 0: the disk has none left, 1: some stay there."`
}

// blobsMoveCommand is `pds blobs move`.
type blobsMoveCommand struct {
	EnvFile string            `help:"File of PDS_* names, NAME=value a line. The environment goes before it, flags before both." type:"existingfile"`
	Data    string            `help:"PDS_DATA_DIRECTORY." type:"path"`
	Set     map[string]string `help:"Any other PDS_* setting of blobs, NAME=value; repeatable." mapsep:"none"`
	DryRun  bool              `help:"Say what would be moved." short:"n"`
	Workers int               `help:"Blobs under way at a time." default:"4"`
	Quiet   bool              `help:"No progress." short:"q"`

	out, progress io.Writer // nil: standard output and standard error
}

// moveTimeout is the least that one blob may take: nobody waits for it.
const moveTimeout = 5 * time.Minute

var errBlobsStay = exitError{1, errors.New("blobs: some stay on the disk")}

// Run moves the blobs and says what became of them.
func (c *blobsMoveCommand) Run(ctx context.Context) error {
	if c.out == nil {
		c.out, c.progress = os.Stdout, os.Stderr
	}
	config, err := c.places()
	if err != nil {
		return err
	}
	if err := foundInBoth(config); err != nil {
		return err
	}
	if _, err := os.Stat(config.Blobs); err != nil {
		return fmt.Errorf("blobs: %w", err) // and not made, as a server would
	}
	disk, bucket, err := config.openBlobs()
	if err != nil {
		return err
	}
	last := time.Now()
	m := blob.Mover{From: disk, To: bucket, Workers: c.Workers, DryRun: c.DryRun,
		Failed: func(did syntax.DID, id cid.Cid, err error) {
			fmt.Fprintf(c.out, "%s %s stays on the disk: %v\n", did, id, err)
		},
		Progress: func(s blob.Moved) {
			if !c.Quiet && time.Since(last) >= progressEvery {
				last = time.Now()
				fmt.Fprintf(c.progress, "%d blobs, %s, of %d accounts\n", s.Blobs, megabytes(s.Bytes), s.Accounts)
			}
		},
	}
	began := time.Now()
	sum, err := m.Run(ctx)
	c.summary(sum, time.Since(began))
	switch {
	case err != nil:
		return fmt.Errorf("%w (what was moved is safe: run it again for the rest)", err)
	case sum.Failed > 0:
		return errBlobsStay
	}
	return nil
}

func (c *blobsMoveCommand) summary(s blob.Moved, took time.Duration) {
	did := "moved"
	if c.DryRun {
		did = "would move"
	}
	fmt.Fprintf(c.out, "%s %d blobs, %s, of %d accounts in %.1f s; %d of them in quarantine, %d in the bucket already\n",
		did, s.Blobs, megabytes(s.Bytes), s.Accounts, took.Seconds(), s.Quarantined, s.Present)
	fmt.Fprintf(c.out, "deleted by the server meanwhile: %d; stay on the disk: %d\n", s.Vanished, s.Failed)
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// places reads the settings of blobs, and no others.
func (c *blobsMoveCommand) places() (config Config, err error) {
	overrides := map[string]string{}
	for k, v := range c.Set {
		overrides[k] = v
	}
	if c.Data != "" {
		overrides["PDS_DATA_DIRECTORY"] = c.Data
	}
	s, err := newSettings(overrides, os.Environ(), c.EnvFile)
	if err != nil {
		return Config{}, err
	}
	s.together("PDS_BLOBSTORE_S3_ACCESS_KEY_ID", "PDS_BLOBSTORE_S3_SECRET_ACCESS_KEY")
	config.readStorage(s)
	if s.err == nil && (config.Blobs == "" || config.BlobBucket == nil) {
		s.fail("PDS_BLOBSTORE_DISK_LOCATION and PDS_BLOBSTORE_S3_BUCKET must both be set, for the server too, until all blobs are moved")
	}
	if b := config.BlobBucket; b != nil {
		b.UploadTimeout = max(b.UploadTimeout, moveTimeout)
		if b.IdleTimeout == 0 {
			b.IdleTimeout = 15 * time.Second
		}
	}
	return config, s.err
}

// foundInBoth makes sure that a server which runs on the data finds blobs where
// they are moved to.
func foundInBoth(config Config) error {
	lock, err := lockExisting(config.Data)
	if err == nil {
		return lock.Close() // none runs
	}
	if _, serr := os.Stat(filepath.Join(config.Blobs, movingFile)); errors.Is(serr, fs.ErrNotExist) {
		return fmt.Errorf("the server on %s looks for blobs on the disk only: restart it with PDS_BLOBSTORE_S3_BUCKET set beside PDS_BLOBSTORE_DISK_LOCATION", config.Data)
	}
	return nil
}
