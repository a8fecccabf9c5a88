package migrate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
)

// Names in the folder of an export.
const (
	manifestFile    = "manifest.json" // written last: with it the export is complete
	repoFile        = "repo.car"
	blobsFolder     = "blobs"       // a file each, named by its CID
	blobTypesFile   = "blobs.jsonl" // what type each has
	preferencesFile = "preferences.json"
	documentFile    = "did.json"
	plcLogFile      = "plc-log.json" // every operation of a did:plc
	keysFile        = "keys.sealed.json"
)

const exportFormat = "pds-account-export/1"

// Manifest says what an export holds, and what it does not.
type Manifest struct {
	Format      string        `json:"format"`
	DID         syntax.DID    `json:"did"`
	Handle      syntax.Handle `json:"handle,omitempty"`
	Email       string        `json:"email,omitempty"`
	Status      string        `json:"status,omitempty"` // "": active
	Server      string        `json:"server"`
	ExportedAt  time.Time     `json:"exportedAt"`
	ExportedBy  string        `json:"exportedBy"` // owner, operator, or data directory
	Repository  Repository    `json:"repository"`
	Blobs       BlobsSummary  `json:"blobs"`
	Preferences int           `json:"preferences"`
	Files       []FileSum     `json:"files"`             // all but the blobs, whose names are their hashes
	Without     []string      `json:"without,omitempty"` // what is not in it, and why
}

// BlobsSummary counts the blobs that records of the repository name.
type BlobsSummary struct {
	Count   int      `json:"count"`
	Bytes   int64    `json:"bytes"`
	Missing []string `json:"missing,omitempty"` // that the server did not have either
}

// FileSum is a file and its hash.
type FileSum struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// preferences is the answer of getPreferences and the input of putPreferences.
type preferences struct {
	Preferences []json.RawMessage `json:"preferences"`
}

// Folder is where an export lies.
type Folder string

func (f Folder) path(name string) string { return filepath.Join(string(f), name) }
func (f Folder) blob(id cid.Cid) string  { return filepath.Join(string(f), blobsFolder, id.String()) }

func (f Folder) manifest() (m Manifest, err error) {
	err = readJSON(f.path(manifestFile), &m)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return m, &Problem{What: fmt.Sprintf("%s holds no complete export: it has no %s", string(f), manifestFile), Do: "Run pds account export into it again: it goes on where it stopped."}
	case err != nil:
		return m, err
	case m.Format != exportFormat:
		return m, &Problem{What: fmt.Sprintf("%s is an export of another kind, %q", string(f), m.Format)}
	}
	return m, nil
}

// open makes a folder ready to be exported into. One that holds the export of
// somebody else, or anything else, is left alone.
func (f Folder) open(did syntax.DID) error {
	if err := os.MkdirAll(f.path(blobsFolder), 0o700); err != nil {
		return err
	}
	owner := f.path(".account")
	b, err := os.ReadFile(owner)
	switch {
	case err == nil && string(b) != did.String():
		return &Problem{What: fmt.Sprintf("%s holds the export of %s", string(f), b), Do: "Take another folder for this account: --out"}
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	names, err := os.ReadDir(string(f))
	if err != nil {
		return err
	}
	for _, n := range names {
		if n.Name() != blobsFolder {
			return &Problem{What: fmt.Sprintf("%s is not empty, and is no export", string(f)), Do: "Take another folder: --out"}
		}
	}
	return replaceFile(owner, []byte(did))
}
