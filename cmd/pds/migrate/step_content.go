package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// repository brings the records: as they are at this moment, which later steps look at again.
func (m *Mover) repository(ctx context.Context) error {
	path, repo, err := m.fetched(ctx)
	if err != nil {
		return err
	}
	defer repo.Close()
	if doc, err := m.dir.document(ctx, m.state.DID); err == nil {
		if repo.signed(doc.key); repo.SignedBy == "" && m.state.TemporaryKey == "" && !m.state.done(stepIdentity) {
			m.note("warning: the repository is not signed by the key that the DID document names")
		}
	}
	m.note(fmt.Sprintf("%d records, %s, rev %s, verified", repo.Records, Bytes(repo.Bytes), repo.Rev))
	err = m.new.call(ctx, request{method: "com.atproto.repo.importRepo", post: true, mime: "application/vnd.ipld.car", size: repo.Bytes,
		body: func() (io.ReadCloser, error) { return os.Open(path) }}, nil)
	switch {
	case refusedWith(err, http.StatusRequestEntityTooLarge):
		return &Problem{What: fmt.Sprintf("%s takes no repository of %s", m.new.url, Bytes(repo.Bytes)), Do: "Its operator can raise PDS_MAX_REPO_IMPORT_SIZE.", Err: err}
	case err != nil:
		return err
	}
	m.state.Repository = repo.Repository
	return nil
}

// fetched is the repository as a verified file.
func (m *Mover) fetched(ctx context.Context) (string, *openedRepo, error) {
	if m.From != "" {
		path := m.From.path(repoFile)
		repo, err := openRepo(ctx, path, m.state.DID)
		return path, repo, err
	}
	work, err := m.state.work()
	if err != nil {
		return "", nil, err
	}
	path := filepath.Join(work, repoFile)
	repo, err := fetchRepo(ctx, m.old, m.state.DID, path)
	return path, repo, err
}

// accountStatus is the answer of checkAccountStatus.
type accountStatus struct {
	Activated, ValidDid                                      bool
	RepoRev                                                  syntax.TID
	IndexedRecords, ExpectedBlobs, ImportedBlobs, RepoBlocks int
}

func (s *server) status(ctx context.Context) (out accountStatus, err error) {
	return out, s.query(ctx, "com.atproto.server.checkAccountStatus", nil, &out)
}

// preferences brings what apps keep for the account.
func (m *Mover) preferences(ctx context.Context) error {
	p, err := m.oldPreferences(ctx)
	if errors.Is(err, errNoPreferences) {
		m.note("none to bring: " + err.Error())
		m.state.noteDown("no preferences were brought: " + err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	err = m.new.do(ctx, "app.bsky.actor.putPreferences", p, nil)
	if refusedWith(err, http.StatusNotFound, http.StatusNotImplemented) {
		m.state.noteDown("the new server keeps no preferences")
		m.note("the new server keeps none")
		return nil
	}
	if err != nil {
		return err
	}
	m.note(fmt.Sprintf("%d", len(p.Preferences)))
	return nil
}

func (m *Mover) oldPreferences(ctx context.Context) (p preferences, err error) {
	if m.From == "" {
		p, err = readPreferences(ctx, m.old)
	} else if err = readJSON(m.From.path(preferencesFile), &p); errors.Is(err, os.ErrNotExist) {
		err = errNoPreferences
	}
	p.Preferences = writable(p.Preferences)
	return p, err
}

// preferencesAgain brings them once more if they are not what was brought: no
// rev tells that they have changed.
func (m *Mover) preferencesAgain(ctx context.Context) error {
	if m.From != "" || m.old == nil {
		return nil
	}
	was, err := m.oldPreferences(ctx)
	if err != nil {
		return nil // it was said before
	}
	is, err := readPreferences(ctx, m.new)
	if err != nil {
		return nil
	}
	is.Preferences = writable(is.Preferences)
	if same(was.Preferences, is.Preferences) {
		return nil
	}
	m.note("preferences have changed meanwhile")
	return m.preferences(ctx)
}

// same compares preferences whatever the order of their members and their own.
func same(a, b []json.RawMessage) bool {
	plain := func(all []json.RawMessage) []string {
		var texts []string
		for _, p := range all {
			var v any
			if json.Unmarshal(p, &v) != nil {
				return nil
			}
			b, _ := json.Marshal(v)
			texts = append(texts, string(b))
		}
		slices.Sort(texts)
		return texts
	}
	return slices.Equal(plain(a), plain(b))
}

// writable leaves out what a server works out by itself and nobody may write.
func writable(all []json.RawMessage) []json.RawMessage {
	kept := []json.RawMessage{}
	for _, p := range all {
		var t struct {
			Type string `json:"$type"`
		}
		if json.Unmarshal(p, &t) == nil && t.Type == "app.bsky.actor.defs#declaredAgePref" {
			continue
		}
		kept = append(kept, p)
	}
	return kept
}
