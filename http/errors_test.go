package http

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"troupe/actors/repo"
	"troupe/sequencing"
)

// Whoever meets a full disk, the client learns the same: try again later.
func TestAFullDiskHasOneName(t *testing.T) {
	for _, err := range []error{
		fmt.Errorf("%w: %w", repo.ErrUnavailable, sequencing.ErrFull),
		fmt.Errorf("make a folder: %w", &os.PathError{Op: "mkdir", Path: "x", Err: syscall.ENOSPC}),
		fmt.Errorf("write: %w", syscall.EDQUOT),
	} {
		e := translate(err)
		if e == nil || e.Status != 503 || e.Name != "InsufficientStorage" || e.Header.Get("Retry-After") == "" {
			t.Errorf("%v: %+v", err, e)
		}
	}
	if e := translate(&os.PathError{Op: "open", Path: "x", Err: syscall.EIO}); e != nil {
		t.Errorf("a broken disk is not a full one: %+v", e)
	}
}
