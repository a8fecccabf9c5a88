package migrate

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Problem is what keeps a command from going on: what is wrong, in a sentence,
// and what its user can do about it.
type Problem struct {
	What string
	Do   string // "" if running the command again is all there is to do
	Err  error
}

func (p *Problem) Error() string {
	text := p.What
	if p.Err != nil {
		text += ": " + p.Err.Error()
	}
	if p.Do != "" {
		text += "\n  " + p.Do
	}
	return text
}

func (p *Problem) Unwrap() error { return p.Err }

// Refusal is an answer other than success, as XRPC puts it.
type Refusal struct {
	Method  string
	Status  int
	Name    string
	Message string
	wait    time.Duration // how long the server wants to be left alone; 0: it did not say
}

func (r *Refusal) Error() string {
	name := r.Name
	if name == "" {
		name = http.StatusText(r.Status)
	}
	text := fmt.Sprintf("%s: %d %s", r.Method, r.Status, name)
	if r.Message != "" && r.Message != r.Name {
		text += ": " + r.Message
	}
	return text
}

// refusedAs tells whether an error is a refusal by one of the names.
func refusedAs(err error, names ...string) bool {
	r := (*Refusal)(nil)
	if !errors.As(err, &r) {
		return false
	}
	for _, n := range names {
		if r.Name == n {
			return true
		}
	}
	return false
}

// refusedWith tells whether an error is a refusal with one of the statuses.
func refusedWith(err error, statuses ...int) bool {
	r := (*Refusal)(nil)
	if !errors.As(err, &r) {
		return false
	}
	for _, s := range statuses {
		if r.Status == s {
			return true
		}
	}
	return false
}
