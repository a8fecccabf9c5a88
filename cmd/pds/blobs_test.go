package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"troupe/storage/blob"
	"troupe/storage/blob/blobtest"
)

func TestWhereBlobsAreKept(t *testing.T) {
	const disk, bucket = "PDS_BLOBSTORE_DISK_LOCATION", "PDS_BLOBSTORE_S3_BUCKET"
	for _, c := range []struct {
		name     string
		settings map[string]string
		folder   string
		spool    string
		bucket   *blob.S3Options
		refused  string
	}{
		{"nothing said", nil, "/d/blobs", "/d/blobs/tempt", nil, ""},
		{"a folder", map[string]string{disk: "/b"}, "/b", "/b/tempt", nil, ""},
		{"uploads elsewhere", map[string]string{disk: "/b", "PDS_BLOBSTORE_DISK_TMP_LOCATION": "/t"}, "/b", "/t", nil, ""},
		{"a bucket", map[string]string{bucket: "x"}, "", "/d/tempt", &blob.S3Options{Bucket: "x", UploadTimeout: 20 * time.Second}, ""},
		{"both", map[string]string{bucket: "x", disk: "/b"}, "/b", "/b/tempt", &blob.S3Options{Bucket: "x", UploadTimeout: 20 * time.Second}, ""},
		{"everything", map[string]string{
			bucket: "x", "PDS_BLOBSTORE_S3_REGION": "auto", "PDS_BLOBSTORE_S3_ENDPOINT": "https://s3.example.com", "PDS_BLOBSTORE_S3_FORCE_PATH_STYLE": "true",
			"PDS_BLOBSTORE_S3_ACCESS_KEY_ID": "a", "PDS_BLOBSTORE_S3_SECRET_ACCESS_KEY": "s",
			"PDS_BLOBSTORE_S3_UPLOAD_TIMEOUT_MS": "60000", "PDS_BLOBSTORE_S3_REQUEST_TIMEOUT_MS": "7000",
		}, "", "/d/tempt", &blob.S3Options{
			Bucket: "x", Region: "auto", Endpoint: "https://s3.example.com", PathStyle: true, AccessKey: "a", SecretKey: "s",
			UploadTimeout: time.Minute, IdleTimeout: 7 * time.Second,
		}, ""},
		{"a key without its secret", map[string]string{bucket: "x", "PDS_BLOBSTORE_S3_ACCESS_KEY_ID": "a"}, "", "", nil, "PDS_BLOBSTORE_S3_SECRET_ACCESS_KEY must be set too"},
		{"a bucket without a name", map[string]string{"PDS_BLOBSTORE_S3_ENDPOINT": "https://s3.example.com"}, "", "", nil, "PDS_BLOBSTORE_S3_BUCKET must be set too"},
		{"no number", map[string]string{bucket: "x", "PDS_BLOBSTORE_S3_UPLOAD_TIMEOUT_MS": "soon"}, "", "", nil, "must be a whole number"},
	} {
		all := map[string]string{
			"PDS_DATA_DIRECTORY": "/d", "PDS_JWT_SECRET": "x", "PDS_ADMIN_PASSWORD": "x",
			"PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX": strings.Repeat("01", 32),
		}
		for k, v := range c.settings {
			all[k] = v
		}
		s, err := newSettings(all, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		got, err := readConfig(s)
		switch {
		case c.refused != "":
			if err == nil || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("%s: %v, want %q", c.name, err, c.refused)
			}
		case err != nil:
			t.Errorf("%s: %v", c.name, err)
		case got.Blobs != c.folder || got.BlobSpool != c.spool || !reflect.DeepEqual(got.BlobBucket, c.bucket):
			t.Errorf("%s: %q, %q, %+v", c.name, got.Blobs, got.BlobSpool, got.BlobBucket)
		case len(s.unread()) > 0:
			t.Errorf("%s: nobody read %v", c.name, s.unread())
		}
	}
}

// A server must not start, nor blobs be moved, so that blobs that exist are not
// found any more.
func TestBlobsAreNeverHidden(t *testing.T) {
	c := Config{Data: t.TempDir()}
	c.Blobs = filepath.Join(c.Data, defaultBlobs)
	if err := noneLeft(t.Context(), c.Blobs); err != nil {
		t.Errorf("without a folder: %v", err)
	}
	disk, err := blob.OpenDisk(c.Blobs)
	if err != nil {
		t.Fatal(err)
	}
	if err := noneLeft(t.Context(), c.Blobs); err != nil {
		t.Errorf("an empty folder: %v", err)
	}
	blobtest.Put(t, disk, blobtest.Odd, []byte("one"))
	if err := noneLeft(t.Context(), c.Blobs); err == nil || !strings.Contains(err.Error(), c.Blobs) {
		t.Errorf("a folder with a blob: %v", err)
	}

	if err := foundInBoth(c); err != nil {
		t.Errorf("where no server runs: %v", err)
	}
	lock, err := lockDirectory(c.Data)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := foundInBoth(c); err == nil || !strings.Contains(err.Error(), "restart it with PDS_BLOBSTORE_S3_BUCKET") {
		t.Errorf("under a server that looks on disk only: %v", err)
	}
	if err := os.WriteFile(filepath.Join(c.Blobs, movingFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := foundInBoth(c); err != nil {
		t.Errorf("under a server that looks in both: %v", err)
	}
}

// bucketVerb opens a bucket until the script ends.
func (w *scriptWorld) bucketVerb(ts *testscript.TestScript, _ []string) {
	b, err := blobtest.OpenBucket()
	ts.Check(err)
	ts.Defer(b.Down)
	w.bucket = b
}

// useBucketVerb stops the server and starts it with the bucket in its settings,
// with the folder of blobs too ("both") or without ("only").
func (w *scriptWorld) useBucketVerb(ts *testscript.TestScript, args []string) {
	o := w.bucket.Options
	set := []string{
		"PDS_BLOBSTORE_S3_BUCKET=" + o.Bucket, "PDS_BLOBSTORE_S3_ENDPOINT=" + o.Endpoint, "PDS_BLOBSTORE_S3_FORCE_PATH_STYLE=true",
		"PDS_BLOBSTORE_S3_ACCESS_KEY_ID=" + o.AccessKey, "PDS_BLOBSTORE_S3_SECRET_ACCESS_KEY=" + o.SecretKey,
		"PDS_BLOBSTORE_DISK_LOCATION=",
	}
	if args[0] == "both" {
		set[len(set)-1] += w.settings["PDS_DATA_DIRECTORY"] + "/" + defaultBlobs
	}
	w.restartVerb(ts, set)
}

// moveBlobsVerb runs pds blobs move: its exit code, and what it prints.
func (w *scriptWorld) moveBlobsVerb(ts *testscript.TestScript, args []string) {
	var out strings.Builder
	c := blobsMoveCommand{Set: w.places(), DryRun: len(args) > 2, Workers: 2, out: &out, progress: &out}
	err := c.Run(context.Background())
	code := exitError{}
	if err != nil {
		code.code = 1
		errors.As(err, &code)
		out.WriteString(err.Error())
	}
	if want, _ := strconv.Atoi(args[0]); code.code != want || !regexp.MustCompile(args[1]).MatchString(out.String()) {
		ts.Fatalf("exit code %d:\n%s", code.code, out.String())
	}
}

// places are the settings that say where files are.
func (w *scriptWorld) places() map[string]string {
	all := map[string]string{}
	for k, v := range w.settings {
		if strings.HasPrefix(k, "PDS_BLOBSTORE_") || k == "PDS_DATA_DIRECTORY" {
			all[k] = v
		}
	}
	return all
}
