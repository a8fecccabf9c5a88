package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/dag"
)

// Export makes a complete export of one account. What is there already and
// still true is not fetched again, so that one that was stopped goes on.
type Export struct {
	Folder  Folder
	Workers int // blobs under way at a time
	By      string
	// Seal adds what only the folder of the server has; nil: nothing.
	Seal func(syntax.DID) ([]byte, error)

	from *server
	dir  *directory
	did  syntax.DID
	say  func(string)

	mu    sync.Mutex // several blobs may be under way
	sum   BlobsSummary
	types *os.File
}

// Run exports the account and returns what the folder holds now.
func (e *Export) run(ctx context.Context, about Manifest) (Manifest, error) {
	if err := e.Folder.open(e.did); err != nil {
		return Manifest{}, err
	}
	// An export that is being changed is not complete.
	if err := os.Remove(e.Folder.path(manifestFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Manifest{}, err
	}
	m := about
	m.Format, m.DID, m.Server, m.ExportedBy = exportFormat, e.did, e.from.url, e.By
	repo, err := e.repository(ctx, &m)
	if err != nil {
		return m, err
	}
	defer repo.Close()
	for _, part := range []func(context.Context, *Manifest) error{
		func(ctx context.Context, m *Manifest) error { return e.blobs(ctx, repo, m) },
		e.preferences, e.plcLog, e.keys,
	} {
		if err := part(ctx, &m); err != nil {
			return m, err
		}
	}
	if m.Files, err = e.Folder.sums(); err != nil {
		return m, err
	}
	m.ExportedAt = time.Now().UTC().Truncate(time.Second)
	return m, replaceJSON(e.Folder.path(manifestFile), m)
}

// repository brings the CAR and the document whose key signed it.
func (e *Export) repository(ctx context.Context, m *Manifest) (*openedRepo, error) {
	doc, err := e.dir.document(ctx, e.did)
	if err != nil {
		e.say("warning: " + err.Error())
		m.Without = append(m.Without, "DID document: it could not be read, and the signature of the repository was not verified")
	} else if err := replaceFile(e.Folder.path(documentFile), doc.raw); err != nil {
		return nil, err
	}
	repo, err := e.kept(ctx)
	if err != nil {
		return nil, err
	}
	if repo == nil {
		if repo, err = fetchRepo(ctx, e.from, e.did, e.Folder.path(repoFile)); err != nil {
			return nil, fmt.Errorf("repository: %w", err)
		}
	}
	repo.signed(doc.key)
	if repo.SignedBy == "" && doc.key != nil {
		e.say("warning: the repository is not signed by the key that the DID document names")
	}
	m.Repository = repo.Repository
	e.say(fmt.Sprintf("repository: %d records, %d blocks, %s, rev %s, verified", repo.Records, repo.Blocks, Bytes(repo.Bytes), repo.Rev))
	return repo, nil
}

// kept is the repository of an earlier run, if the account is still there.
func (e *Export) kept(ctx context.Context) (*openedRepo, error) {
	path := e.Folder.path(repoFile)
	if !exists(path) {
		return nil, nil
	}
	var head struct{ CID string }
	if err := e.from.query(ctx, "com.atproto.sync.getLatestCommit", url.Values{"did": {e.did.String()}}, &head); err != nil {
		return nil, ctx.Err()
	}
	repo, err := openRepo(ctx, path, e.did)
	switch {
	case errors.Is(err, errNotWhole):
		return nil, nil
	case err != nil:
		return nil, err
	case repo.Commit.String() != head.CID:
		return nil, repo.Close()
	}
	e.say("the repository was exported before and has not changed")
	return repo, nil
}

// blobs fetches what the records name.
func (e *Export) blobs(ctx context.Context, repo *openedRepo, m *Manifest) (err error) {
	if e.types, err = os.OpenFile(e.Folder.path(blobTypesFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.types.Sync(), e.types.Close()) }()
	e.sum = BlobsSummary{}
	last := time.Now()
	crew := newCrew(ctx, e.Workers, e.blob)
	err = crew.wait(repo.blobs(func(b dag.Blob) error {
		if time.Since(last) > progressEvery {
			last = time.Now()
			e.mu.Lock()
			e.say(fmt.Sprintf("blobs: %d fetched, %s", e.sum.Count, Bytes(e.sum.Bytes)))
			e.mu.Unlock()
		}
		if exists(e.Folder.blob(b.CID)) {
			return nil
		}
		return crew.take(b.CID)
	}))
	if err != nil {
		return fmt.Errorf("blobs: %w", err)
	}
	fetched := e.sum.Count
	missing := e.sum.Missing
	if m.Blobs, err = e.Folder.countBlobs(); err != nil {
		return err
	}
	m.Blobs.Missing = missing
	e.say(fmt.Sprintf("blobs: %d, %s, verified; %d of them fetched now, %d that the server does not have", m.Blobs.Count, Bytes(m.Blobs.Bytes), fetched, len(missing)))
	return nil
}

const progressEvery = 3 * time.Second

// blobType is a line of blobTypesFile.
type blobType struct {
	CID      string `json:"cid"`
	MimeType string `json:"mimeType"`
	Size     int64  `json:"size"`
}

// blob fetches one blob: a file of that name is whole.
func (e *Export) blob(ctx context.Context, id cid.Cid) error {
	var err error
	for try := range 3 {
		if err = e.blobOnce(ctx, id); err == nil {
			return nil
		}
		if errors.Is(err, errNoBlob) {
			e.mu.Lock()
			e.sum.Missing = append(e.sum.Missing, id.String())
			e.mu.Unlock()
			return nil
		}
		if r := (*Refusal)(nil); ctx.Err() != nil || errors.As(err, &r) {
			return err
		}
		if err := e.from.wait(ctx, time1<<try); err != nil {
			return err
		}
	}
	return err
}

func (e *Export) blobOnce(ctx context.Context, id cid.Cid) error {
	b, err := fetchBlob(ctx, e.from, e.did, id)
	if err != nil {
		return err
	}
	defer b.Close()
	part := e.Folder.path(id.String() + partial)
	in := newChecked(b)
	if _, err := writeFile(part, in); err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	if !in.is(id) {
		os.Remove(part)
		return fmt.Errorf("%s: the server sent other bytes", id)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	// The line first: a blob without one would have no type, a second line is no harm.
	line, _ := json.Marshal(blobType{id.String(), b.mime, in.n})
	if _, err := e.types.Write(append(line, '\n')); err != nil {
		return err
	}
	e.sum.Count++
	e.sum.Bytes += in.n
	return rename(part, e.Folder.blob(id))
}

// preferences are the owner's alone: an operator cannot ask for them.
func (e *Export) preferences(ctx context.Context, m *Manifest) error {
	path := e.Folder.path(preferencesFile)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, operator := e.from.who.(basic); operator {
		m.Without = append(m.Without, "preferences: only the owner may ask a running server for them")
		return nil
	}
	p, err := readPreferences(ctx, e.from)
	if errors.Is(err, errNoPreferences) {
		m.Without = append(m.Without, "preferences: the server keeps none")
		return nil
	}
	if err != nil {
		return err
	}
	m.Preferences = len(p.Preferences)
	e.say(fmt.Sprintf("preferences: %d", m.Preferences))
	return replaceJSON(path, p)
}

// errNoPreferences: the server does not have that method.
var errNoPreferences = errors.New("the server keeps no preferences")

func readPreferences(ctx context.Context, from *server) (p preferences, err error) {
	err = from.query(ctx, "app.bsky.actor.getPreferences", nil, &p)
	if refusedWith(err, http.StatusNotFound, http.StatusNotImplemented, http.StatusMethodNotAllowed) ||
		refusedWith(err, http.StatusBadRequest) && !refusedAs(err, "ExpiredToken", "InvalidToken") {
		return p, fmt.Errorf("%w: %w", errNoPreferences, err)
	}
	return p, err
}

// plcLog keeps how the identity came to be what it is.
func (e *Export) plcLog(ctx context.Context, m *Manifest) error {
	if e.did.Method() != "plc" {
		return nil
	}
	log, err := e.dir.plc.Audit(ctx, e.did)
	if err != nil {
		m.Without = append(m.Without, "PLC log: "+err.Error())
		return nil
	}
	return replaceJSON(e.Folder.path(plcLogFile), log)
}

func (e *Export) keys(_ context.Context, m *Manifest) error {
	if e.Seal == nil {
		m.Without = append(m.Without, "signing key: not asked for, or not to be had from a running server")
		return nil
	}
	sealed, err := e.Seal(e.did)
	if err != nil {
		return err
	}
	e.say("signing key: sealed by the passphrase; without it nobody can open it, and there is no other copy of the passphrase")
	return replaceFile(e.Folder.path(keysFile), sealed)
}

// Bytes says a size as people do.
func Bytes(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f kB", float64(n)/1e3)
}
