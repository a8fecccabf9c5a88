package logdb

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"troupe/storage/sqlite"
)

// ErrCeiling: the ceiling file is there but says nothing that can be trusted.
// The log is not opened: a number given out twice cannot be taken back, a file
// can be mended by hand.
var ErrCeiling = errors.New("logdb: ceiling file is damaged")

// CeilingPath is where the ceiling of the log at logPath stands.
func CeilingPath(logPath string) string {
	return filepath.Join(filepath.Dir(logPath), "sequence.ceiling")
}

// ReadCeiling returns the highest number that may have been given out. A
// missing file is reported, not taken for zero.
func ReadCeiling(path string) (ceiling int64, exists bool, err error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("logdb: read ceiling: %w", err)
	}
	var sum uint32
	n, err := fmt.Sscanf(string(b), "%d %08x\n", &ceiling, &sum)
	if err != nil || n != 2 || ceiling < 0 || string(b) != formatCeiling(ceiling) {
		return 0, true, fmt.Errorf("%w: %s holds %q", ErrCeiling, path, strings.TrimSpace(string(b)))
	}
	return ceiling, true, nil
}

// WriteCeiling replaces the file and returns once the new number is on disk,
// whatever happens to the power afterwards. A crash inside leaves the old
// number or the new one. A full disk is sqlite.ErrFull.
func WriteCeiling(path string, ceiling int64) error {
	if err := replaceFile(path, formatCeiling(ceiling)); err != nil {
		if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
			err = fmt.Errorf("%w: %w", sqlite.ErrFull, err)
		}
		return fmt.Errorf("logdb: write ceiling: %w", err)
	}
	return nil
}

func formatCeiling(n int64) string {
	text := fmt.Sprint(n)
	return fmt.Sprintf("%s %08x\n", text, crc32.Checksum([]byte(text), castagnoli))
}

func replaceFile(path, text string) (err error) {
	next := path + ".next"
	f, err := os.OpenFile(next, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(next)
		}
	}()
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	if err = os.Rename(next, path); err != nil {
		return err
	}
	// Without this the rename may be undone by a power cut after numbers of the
	// new block were seen outside.
	return sqlite.FsyncDir(filepath.Dir(path))
}
