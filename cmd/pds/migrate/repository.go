package migrate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/car"
	"troupe/storage/commit"
	"troupe/storage/dag"
	"troupe/storage/mst"
)

// Repository is a CAR file that was read whole: every block has the hash of its
// name, the tree is complete and in order, every record is there.
type Repository struct {
	Commit  syntax.CID `json:"commit"`
	Rev     syntax.TID `json:"rev"`
	Data    syntax.CID `json:"data"` // root of the tree: the content, whoever signs it
	Records int        `json:"records"`
	Blocks  int        `json:"blocks"`
	Bytes   int64      `json:"bytes"`
	// SignedBy is the key that verifies the commit, as a did:key. "": the key of
	// the DID document does not.
	SignedBy string `json:"signedBy,omitempty"`
}

// errNotWhole is wrapped by what is the file's own fault.
var errNotWhole = errors.New("the repository is not whole")

// openedRepo is a CAR file being read. Its memory does not depend on its size.
type openedRepo struct {
	ctx    context.Context
	spool  *car.Spool
	commit commit.Object
	Repository
}

// openRepo reads a CAR file and verifies all of it, but not whether somebody
// signed it. Close it.
func openRepo(ctx context.Context, path string, did syntax.DID) (*openedRepo, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	spool, err := car.NewSpool(filepath.Dir(path), &cancelled{ctx, f}, car.Limits{})
	if err != nil {
		return nil, whole(err)
	}
	r := &openedRepo{ctx: ctx, spool: spool, Repository: Repository{Blocks: spool.Len(), Bytes: info.Size()}}
	if err := r.verify(did); err != nil {
		spool.Close()
		return nil, whole(err)
	}
	return r, nil
}

// whole marks the errors that are the file's.
func whole(err error) error {
	for _, is := range []error{car.ErrInvalid, mst.ErrInvalid, mst.ErrMissing, dag.ErrInvalid} {
		if errors.Is(err, is) {
			return fmt.Errorf("%w: %w", errNotWhole, err)
		}
	}
	return err
}

func (r *openedRepo) Close() error { return r.spool.Close() }

func (r *openedRepo) verify(did syntax.DID) error {
	roots := r.spool.Roots()
	if len(roots) != 1 {
		return fmt.Errorf("%w: %d roots", errNotWhole, len(roots))
	}
	b, found, err := r.spool.Block(roots[0])
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("%w: no commit", errNotWhole)
	}
	if r.commit, err = commit.Parse(bytes.Clone(b)); err != nil {
		return fmt.Errorf("%w: commit: %w", errNotWhole, err)
	}
	if r.commit.DID != did {
		return fmt.Errorf("%w: it is of %s, not of %s", errNotWhole, r.commit.DID, did)
	}
	r.Commit, r.Rev, r.Data = syntax.CID(roots[0].String()), r.commit.Rev, syntax.CID(r.commit.Data.String())
	return r.walk(func(string, []byte) error { r.Records++; return nil })
}

// signed notes whether a key verifies the commit.
func (r *openedRepo) signed(key atcrypto.PublicKey) {
	if key != nil && r.commit.Verify(key) == nil {
		r.SignedBy = key.DIDKey()
	}
}

// walk calls fn with every record in order; the bytes are good until it returns.
func (r *openedRepo) walk(fn func(path string, record []byte) error) error {
	return mst.Load(r.commit.Data, r).Walk("", func(key string, c cid.Cid) error {
		b, found, err := r.spool.Block(c)
		switch {
		case err != nil:
			return err
		case !found:
			return fmt.Errorf("%w: the record %s is missing", errNotWhole, key)
		}
		if err := dag.Check(b, dag.Limits{}); err != nil {
			return fmt.Errorf("%w: record %s: %w", errNotWhole, key, err)
		}
		return fn(key, b)
	})
}

// Node makes the file the source of its tree.
func (r *openedRepo) Node(c cid.Cid) ([]byte, error) {
	if r.ctx.Err() != nil {
		return nil, context.Cause(r.ctx)
	}
	b, found, err := r.spool.Block(c)
	if err == nil && !found {
		err = mst.ErrMissing
	}
	return b, err
}

// blobs calls fn with every reference to a blob, each as often as it stands there.
func (r *openedRepo) blobs(fn func(dag.Blob) error) error {
	return r.walk(func(path string, record []byte) error {
		if !bytes.Contains(record, []byte("mimeType")) { // every reference has one
			return nil
		}
		found, err := dag.Blobs(record)
		if err != nil {
			return fmt.Errorf("%w: record %s: %w", errNotWhole, path, err)
		}
		for _, b := range found {
			if err := fn(b); err != nil {
				return err
			}
		}
		return nil
	})
}

// fetchRepo downloads a repository to a file, replacing the one that is there
// once it was verified. A transfer that breaks off begins anew: a CAR has no
// part that can be asked for by itself.
func fetchRepo(ctx context.Context, from *server, did syntax.DID, path string) (*openedRepo, error) {
	var err error
	for try := range 3 {
		var r *openedRepo
		if r, err = fetchRepoOnce(ctx, from, did, path); err == nil {
			return r, nil
		}
		if r := (*Refusal)(nil); ctx.Err() != nil || errors.As(err, &r) {
			break
		}
		from.note(fmt.Sprintf("the repository did not arrive whole (%v); once more", err))
		if err := from.wait(ctx, time1<<try); err != nil {
			return nil, err
		}
	}
	return nil, err
}

func fetchRepoOnce(ctx context.Context, from *server, did syntax.DID, path string) (*openedRepo, error) {
	res, err := from.send(ctx, request{method: "com.atproto.sync.getRepo", query: url.Values{"did": {did.String()}}})
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	part := path + partial
	if _, err := writeFile(part, res.Body); err != nil {
		return nil, err
	}
	r, err := openRepo(ctx, part, did)
	if err != nil {
		return nil, err
	}
	if err := rename(part, path); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// cancelled is a file that ends with a context.
type cancelled struct {
	ctx context.Context
	io.Reader
}

func (c *cancelled) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.Reader.Read(p)
}

// parseBlobCID reads a CID as servers name blobs by it.
func parseBlobCID(s string) (cid.Cid, error) {
	c, err := cid.Decode(strings.TrimSpace(s))
	if err == nil && (c.Version() != 1 || c.Prefix().MhType != sha256Code) {
		err = fmt.Errorf("%s is no name of a blob", s)
	}
	return c, err
}
