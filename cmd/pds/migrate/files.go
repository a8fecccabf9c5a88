package migrate

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

const (
	partial    = ".part" // of a file that is not whole yet
	sha256Code = multihash.SHA2_256
	time1      = time.Second
)

// writeFile makes a file of what comes from r, durable when it returns.
func writeFile(path string, r io.Reader) (n int64, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if n, err = io.Copy(f, r); err != nil {
		return n, err
	}
	return n, f.Sync()
}

// rename puts a whole file in its place, for good.
func rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// replaceFile writes a file so that a crash leaves the old or the new one.
func replaceFile(path string, b []byte) error {
	f, err := os.OpenFile(path+partial, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return rename(path+partial, path)
}

func replaceJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(path, append(b, '\n'))
}

func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// checked is a stream that is hashed on its way.
type checked struct {
	io.Reader
	sum hash.Hash
	n   int64
}

func newChecked(r io.Reader) *checked {
	c := &checked{sum: sha256.New()}
	c.Reader = io.TeeReader(r, c)
	return c
}

// Write takes what was read.
func (c *checked) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return c.sum.Write(p)
}

// is tells whether what has passed is what a CID names.
func (c *checked) is(id cid.Cid) bool {
	mh, err := multihash.Decode(id.Hash())
	return err == nil && mh.Code == sha256Code && string(mh.Digest) == string(c.sum.Sum(nil))
}
