package mst

import (
	"errors"
	"fmt"
)

var (
	// ErrMissing is what a Source answers for a node it does not hold. Of a whole
	// repository it means damage, of the blocks of one event that they do not
	// cover what was asked.
	ErrMissing = errors.New("mst: node is missing")

	// ErrInvalid says that bytes are not a node of a well-formed tree, that a
	// value is not the CID of a record, or that an operation is not the one that
	// made the tree. It is final: reading again gives the same answer.
	ErrInvalid = errors.New("mst: invalid tree")

	// ErrKey says that a key is not a repository path. It wraps ErrInvalid.
	ErrKey = fmt.Errorf("%w: key is not a repository path", ErrInvalid)

	// ErrKeyExists answers a Create of a key that the tree holds already.
	ErrKeyExists = errors.New("mst: key exists")

	// ErrKeyAbsent answers an Update or Delete of a key that the tree does not hold.
	ErrKeyAbsent = errors.New("mst: key is absent")
)

var errFinished = errors.New("mst: the edit is finished")

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}
