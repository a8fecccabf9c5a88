//go:build !linux

package crashtest

import "errors"

func newImage(string, int) (disk, error) {
	return nil, errors.New("crashtest: this kind needs ext4, and so Linux")
}

func isFull(error) bool { return false }
