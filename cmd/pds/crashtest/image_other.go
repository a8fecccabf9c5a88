//go:build !linux

package crashtest

import (
	"errors"
	"syscall"
)

func newImage(string, int) (disk, error) {
	return nil, errors.New("crashtest: this kind needs ext4, and so Linux")
}

func ownGroup() *syscall.SysProcAttr { return nil }

func isFull(error) bool { return false }
