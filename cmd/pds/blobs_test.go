package main

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"troupe/storage/blob/blobtest"
)

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
