package lexicon

import "errors"

// ErrUnknown says that the catalog holds no schema of that name.
var ErrUnknown = errors.New("unknown lexicon")

// ErrInvalid says what is wrong with a value. It is returned by value: match it with errors.As into an ErrInvalid.
type ErrInvalid struct {
	Path    string // where, e.g. "Record/embed/images/0", "Input/repo" or "Params"
	Message string // the whole sentence, path included, fit for a client
}

func (e ErrInvalid) Error() string { return e.Message }
