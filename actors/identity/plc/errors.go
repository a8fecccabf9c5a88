package plc

import (
	"errors"
	"fmt"
)

// Answers of a directory other than success. They are wrapped; test with errors.Is.
var (
	ErrRejected    = errors.New("plc: operation rejected")
	ErrUnavailable = errors.New("plc: directory unavailable")
	ErrNotFound    = errors.New("plc: DID not registered")
	ErrGone        = errors.New("plc: DID tombstoned")
	ErrOperation   = errors.New("plc: bad operation")
)

// RejectedError is a 4xx of the directory. errors.Is(err, ErrRejected) holds.
type RejectedError struct {
	Status  int
	Message string // the directory's own words, capped; for operators and the owner of the DID
}

// Error implements error.
func (e *RejectedError) Error() string {
	return fmt.Sprintf("plc: operation rejected: status %d: %s", e.Status, e.Message)
}

// Is makes every RejectedError an ErrRejected.
func (e *RejectedError) Is(target error) bool { return target == ErrRejected }
