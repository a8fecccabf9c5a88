package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// lockFile is in every data directory that a server has ever opened.
const lockFile = "pds.lock"

// directoryLock is held until it is closed.
type directoryLock struct{ *os.File }

// Close unlocks before it closes: a child that is just being started holds a
// copy of the descriptor for a moment, and with it the lock.
func (l directoryLock) Close() error {
	return errors.Join(syscall.Flock(int(l.Fd()), syscall.LOCK_UN), l.File.Close())
}

// lockDirectory makes the data directory this process's own until the lock is
// closed. Two processes that own the same accounts would fork them.
func lockDirectory(dir string) (io.Closer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s is in use by another pds process", dir)
		}
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return directoryLock{f}, nil
}
