package blob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// failDisk says what an error of the file system means to the caller of a Store.
func failDisk(ctx context.Context, op string, err error) error {
	switch {
	case err == nil:
		return nil
	case classified(err):
		return fmt.Errorf("blob: %s: %w", op, err)
	case ctx.Err() != nil:
		return fmt.Errorf("blob: %s: %w", op, context.Cause(ctx))
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("blob: %s: %w: %w", op, ErrNotFound, err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("blob: %s: %w: %w", op, ErrFull, err)
	}
	return fmt.Errorf("blob: %s: %w: %w", op, ErrUnavailable, err)
}

// classified says whether an error has its meaning already.
func classified(err error) bool {
	for _, class := range []error{ErrNotFound, ErrFull, ErrUnavailable, ErrTimeout, ErrMismatch, ErrTooLarge} {
		if errors.Is(err, class) {
			return true
		}
	}
	return false
}
