package lexicon

import (
	"errors"
	"strconv"
)

// ErrUnknown says that the catalog holds no schema of that name.
var ErrUnknown = errors.New("lexicon: no schema of that name")

// ErrInvalid says what is wrong with a value. It is returned by value: match it with errors.As into an ErrInvalid.
type ErrInvalid struct {
	Path    string // where, e.g. "Record/embed/images/0", "Input/repo" or "Params"
	Message string // the whole sentence, path included, fit for a client
}

func (e ErrInvalid) Error() string { return e.Message }

// path leads to the value being checked. It lives on the stack; text is made of it only when something is wrong.
type path struct {
	parent *path
	name   string // "" = an element of an array
	index  int
}

func (p *path) String() string {
	name := p.name
	if name == "" {
		name = strconv.Itoa(p.index)
	}
	if p.parent == nil {
		return name
	}
	return p.parent.String() + "/" + name
}

func (p *path) fail(problem string) error {
	where := p.String()
	return ErrInvalid{Path: where, Message: where + " " + problem}
}
