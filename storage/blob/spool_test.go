package blob

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"troupe/storage/dag"
)

func TestASpoolKnowsWhatWasWritten(t *testing.T) {
	for _, size := range []int{0, 1, HeadSize - 1, HeadSize, HeadSize + 1, 200_000} {
		b := bytes.Repeat([]byte{7, 'x', 0}, size)[:size]
		s, err := NewSpool(t.TempDir(), int64(size))
		if err != nil {
			t.Fatal(err)
		}
		for rest := b; len(rest) > 0; {
			n := min(len(rest), 1000)
			if _, err := s.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		got := s.Finish()
		if !got.CID.Equals(dag.SumRaw(b)) || got.Size != int64(size) || !bytes.Equal(got.Head, b[:min(size, HeadSize)]) {
			t.Errorf("%d bytes: %s, %d bytes, a head of %d", size, got.CID, got.Size, len(got.Head))
		}
		for range 2 {
			if again, err := io.ReadAll(s.Open()); err != nil || !bytes.Equal(again, b) {
				t.Errorf("%d bytes: %d can be read, %v", size, len(again), err)
			}
		}
		path := s.file.Name()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the file is left: %v", err)
		}
	}
}

func TestASpoolEndsAtItsLimit(t *testing.T) {
	s, err := NewSpool(t.TempDir(), 100)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Write(make([]byte, 100)); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if _, err := s.Write([]byte{1}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("behind the limit: %v, want ErrTooLarge", err)
	}
	if info, err := s.file.Stat(); err != nil || info.Size() != 100 {
		t.Errorf("the file has %d bytes, %v", info.Size(), err)
	}
}

func TestASpoolSaysWhyItCannot(t *testing.T) {
	if _, err := NewSpool(filepath.Join(t.TempDir(), "none"), 100); !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrNotFound) {
		t.Errorf("no folder: %v, want ErrUnavailable", err)
	}
	for cause, class := range map[error]error{syscall.ENOSPC: ErrFull, syscall.EDQUOT: ErrFull, syscall.EIO: ErrUnavailable} {
		w := newSeam(t)
		s, err := newSpool(w, w.root, 100)
		if err != nil {
			t.Fatal(err)
		}
		w.arm(0, false, cause)
		if _, err := s.Write([]byte("some")); !errors.Is(err, class) {
			t.Errorf("%v: %v, want %v", cause, err, class)
		}
		w.disarm()
		s.Close()
	}
}

func TestUploadsOfADeadProcessAreRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there", "yet")
	if n, err := RemoveSpools(dir); n != 0 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	other := filepath.Join(dir, "not-ours")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := NewSpool(dir, 100); err != nil { // and never closed
			t.Fatal(err)
		}
	}
	if n, err := RemoveSpools(dir); n != 3 || err != nil {
		t.Errorf("%d were removed, %v, want 3", n, err)
	}
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
}
