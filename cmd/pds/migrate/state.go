package migrate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

const stateFormat = "pds-account-migration/1"

// State is how far a migration has come. It holds no password; the temporary
// key of a recovery is the one secret that may be in it, until it is of no use.
type State struct {
	Format    string        `json:"format"`
	DID       syntax.DID    `json:"did"`
	Old       string        `json:"old,omitempty"` // "": gone
	New       string        `json:"new"`
	Handle    syntax.Handle `json:"handle,omitempty"` // on the old server
	NewHandle syntax.Handle `json:"newHandle,omitempty"`
	Done      []stepName    `json:"done,omitempty"`

	Repository   Repository      `json:"repository,omitzero"`
	Missing      []string        `json:"missingBlobs,omitempty"` // that could not be had
	CodeAskedAt  time.Time       `json:"codeAskedAt,omitzero"`
	Operation    json.RawMessage `json:"operation,omitempty"` // signed, and perhaps sent
	TemporaryKey string          `json:"temporaryKey,omitempty"`
	Notes        []string        `json:"notes,omitempty"`

	path string
}

// StatePath is where the state of a migration lies if the user does not say.
func StatePath(did syntax.DID) string {
	return "migrate-" + strings.NewReplacer(":", "-", "%", "-").Replace(did.String()) + ".json"
}

// loadState reads the state of a migration, or begins one. A state of another
// account, or of another pair of servers, is refused.
func loadState(path string, want State) (*State, error) {
	s := want
	s.Format, s.path = stateFormat, path
	var was State
	err := readJSON(path, &was)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &s, s.save()
	case err != nil:
		return nil, err
	case was.Format != stateFormat:
		return nil, &Problem{What: path + " is not the state of a migration", Do: "Name another file: --state"}
	case was.DID != want.DID || was.New != want.New:
		return nil, &Problem{What: fmt.Sprintf("%s is about moving %s to %s", path, was.DID, was.New), Do: "Name another file: --state"}
	}
	was.path = path
	if want.Old != "" {
		was.Old = want.Old
	}
	return &was, nil
}

func (s *State) save() error { return replaceJSON(s.path, s) }

func (s *State) done(n stepName) bool { return slices.Contains(s.Done, n) }

func (s *State) finish(n stepName) error {
	if !s.done(n) {
		s.Done = append(s.Done, n)
	}
	return s.save()
}

// reopen has a step done once more.
func (s *State) reopen(names ...stepName) {
	s.Done = slices.DeleteFunc(s.Done, func(n stepName) bool { return slices.Contains(names, n) })
}

func (s *State) noteDown(text string) {
	if !slices.Contains(s.Notes, text) {
		s.Notes = append(s.Notes, text)
	}
}

// work is the folder of what is fetched meanwhile, beside the state.
func (s *State) work() (string, error) {
	dir := s.path + ".work"
	return dir, os.MkdirAll(dir, 0o700)
}

// clear removes what nobody needs after the end. The state stays: it says what was done.
func (s *State) clear() error {
	return errors.Join(os.RemoveAll(s.path+".work"), syncDir(filepath.Dir(s.path)))
}
