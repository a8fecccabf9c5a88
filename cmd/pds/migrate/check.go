package migrate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/bluesky-social/indigo/atproto/identity"
	"github.com/ipfs/go-cid"

	"troupe/storage/dag"
)

// sums hashes the files of an export that are not blobs.
func (f Folder) sums() ([]FileSum, error) {
	var all []FileSum
	for _, name := range []string{repoFile, blobTypesFile, preferencesFile, documentFile, plcLogFile, keysFile} {
		sum, err := f.sum(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, sum)
	}
	return all, nil
}

func (f Folder) sum(name string) (FileSum, error) {
	file, err := os.Open(f.path(name))
	if err != nil {
		return FileSum{}, err
	}
	defer file.Close()
	h := sha256.New()
	n, err := io.Copy(h, file)
	return FileSum{name, n, hex.EncodeToString(h.Sum(nil))}, err
}

// countBlobs counts what is there, without holding the names.
func (f Folder) countBlobs() (sum BlobsSummary, err error) {
	d, err := os.Open(f.path(blobsFolder))
	if err != nil {
		return sum, err
	}
	defer d.Close()
	for {
		entries, err := d.ReadDir(1000)
		if err == io.EOF {
			return sum, nil
		}
		if err != nil {
			return sum, err
		}
		for _, e := range entries {
			info, err := e.Info()
			if err != nil {
				return sum, err
			}
			sum.Count++
			sum.Bytes += info.Size()
		}
	}
}

// Check reads an export from the first to the last byte and says what it holds.
// The error names what is damaged or missing.
func Check(ctx context.Context, folder Folder, say func(string)) (Manifest, error) {
	m, err := folder.manifest()
	if err != nil {
		return m, err
	}
	for _, want := range m.Files {
		got, err := folder.sum(want.Name)
		if err != nil {
			return m, err
		}
		if got != want {
			return m, damaged(folder.path(want.Name), "its bytes are not those that were exported")
		}
	}
	repo, err := openRepo(ctx, folder.path(repoFile), m.DID)
	if err != nil {
		return m, err
	}
	defer repo.Close()
	if repo.Commit != m.Repository.Commit || repo.Records != m.Repository.Records {
		return m, damaged(folder.path(repoFile), "it is another one than the manifest says")
	}
	if raw, err := os.ReadFile(folder.path(documentFile)); err == nil {
		var doc identity.DIDDocument
		if json.Unmarshal(raw, &doc) == nil {
			id := identity.ParseIdentity(&doc)
			if key, err := id.PublicKey(); err == nil {
				repo.signed(key)
			}
		}
	}
	if repo.SignedBy != m.Repository.SignedBy {
		return m, damaged(folder.path(repoFile), "its signature is not what the manifest says")
	}
	missing := map[string]bool{}
	for _, c := range m.Blobs.Missing {
		missing[c] = true
	}
	blobs := 0
	crew := newCrew(ctx, 2, func(_ context.Context, id cid.Cid) error { return folder.checkBlob(id) })
	err = crew.wait(repo.blobs(func(b dag.Blob) error {
		if missing[b.CID.String()] {
			return nil
		}
		blobs++
		return crew.take(b.CID)
	}))
	if err != nil {
		return m, err
	}
	say(fmt.Sprintf("%s: %d records, %d references to %d blobs: all there, and every byte is what it should be", m.DID, repo.Records, blobs, m.Blobs.Count))
	return m, nil
}

func (f Folder) checkBlob(id cid.Cid) error {
	file, err := os.Open(f.blob(id))
	if err != nil {
		return err
	}
	defer file.Close()
	in := newChecked(file)
	if _, err := io.Copy(io.Discard, in); err != nil {
		return err
	}
	if !in.is(id) {
		return damaged(f.blob(id), "its bytes are not those that its name says")
	}
	return nil
}

func damaged(path, how string) error {
	return &Problem{What: fmt.Sprintf("%s is damaged: %s", path, how), Do: "Remove the file and run pds account export into the folder again, or take another copy of it."}
}
