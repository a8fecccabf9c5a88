//go:build !linux

package migrate

import (
	"errors"
	"os"
)

// hideInput: where a terminal cannot be told not to show what is typed, secrets
// come from the environment or from files.
func hideInput(*os.File) (restore func(), err error) {
	return nil, errors.ErrUnsupported
}
