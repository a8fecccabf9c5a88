package blob

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
)

// put makes a blob appear in dir, whole and durable. Its bytes are synced
// before they have the name that readers look for, and the name after: a power
// cut in between leaves a name that nobody looks for, or none.
func (d *Disk) put(ctx context.Context, dir string, did syntax.DID, c cid.Cid, size int64, r io.Reader) error {
	name, ok := blobName(c)
	if !ok {
		return ErrMismatch
	}
	if err := d.writeName(did); err != nil {
		return err
	}
	if s, ok := r.(*SpoolReader); ok {
		done, err := d.adopt(ctx, s.spool, dir, name, c, size)
		if done || err != nil {
			return err
		}
	}
	temp, err := d.copyIn(ctx, newChecked(ctx, c, size, r))
	if err != nil {
		return err
	}
	err = d.inFolder(dir, func() error { return d.files.Rename(temp, filepath.Join(dir, name)) })
	if err != nil {
		d.files.Remove(temp)
		return err
	}
	return d.files.SyncDir(dir)
}

// adopt gives the file of an upload a second name. done is false where the file
// system cannot: the folders lie on two of them, or it has no hard links.
func (d *Disk) adopt(ctx context.Context, s *Spool, dir, name string, c cid.Cid, size int64) (done bool, err error) {
	if known := s.Finish(); !known.CID.Equals(c) || known.Size != size {
		return false, ErrMismatch
	}
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	if err := s.sync(); err != nil {
		return false, err
	}
	final := filepath.Join(dir, name)
	err = d.inFolder(dir, func() error { return d.files.Link(s.file.Name(), final) })
	if errors.Is(err, fs.ErrExist) {
		// Replaced and not trusted: a reference server does not sync, and its
		// file may have the right length and not the right bytes.
		err = d.replace(s.file.Name(), dir, final)
	}
	for _, cannot := range []error{syscall.EXDEV, syscall.EPERM, syscall.ENOTSUP, syscall.ENOSYS, syscall.EMLINK} {
		if errors.Is(err, cannot) {
			return false, nil
		}
	}
	if err != nil {
		return false, err
	}
	return true, d.files.SyncDir(dir)
}

// replace puts from in the place of final. The name in between is no CID, and
// lies in the same folder, so it goes with the account if a crash leaves it.
func (d *Disk) replace(from, dir, final string) error {
	temp := filepath.Join(dir, spoolPrefix+strings.ToLower(rand.Text()))
	err := d.files.Link(from, temp)
	if err == nil {
		err = d.files.Rename(temp, final)
	}
	// A rename onto another name of the same file does nothing and leaves both,
	// and a link that failed may be there all the same.
	if rerr := missingIsFine(d.files.Remove(temp)); err == nil {
		err = rerr
	}
	return err
}

// copyIn writes bytes to a synced file of a name that nobody looks for.
func (d *Disk) copyIn(ctx context.Context, r io.Reader) (temp string, err error) {
	temp = filepath.Join(d.TempDir(), spoolPrefix+strings.ToLower(rand.Text()))
	var f file
	err = d.inFolder(d.TempDir(), func() (err error) {
		f, err = d.files.Create(temp)
		return err
	})
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, r)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		d.files.Remove(temp)
		return "", err
	}
	return temp, nil
}

// writeName keeps the DID of an account whose folder is named by a digest, so
// that a list of folders is a list of accounts. It comes before the folder.
func (d *Disk) writeName(did syntax.DID) error {
	name := folderName(did)
	if !isDigest(name) {
		return nil
	}
	dir := filepath.Join(d.root, namesDir)
	final := filepath.Join(dir, name)
	if _, err := d.files.Stat(final); !errors.Is(err, fs.ErrNotExist) {
		return err // written by a rename that an earlier Put has synced, or is about to
	}
	temp, err := d.copyIn(context.Background(), strings.NewReader(did.String()))
	if err != nil {
		return err
	}
	err = d.inFolder(dir, func() error { return d.files.Rename(temp, final) })
	if err != nil {
		d.files.Remove(temp)
		return err
	}
	return d.files.SyncDir(dir)
}

// inFolder runs what needs a folder, which it makes first unless it is known. A
// folder may go at any time, since others remove empty ones: then it is made
// again, and fn runs once more.
func (d *Disk) inFolder(dir string, fn func() error) error {
	for again := false; ; again = true {
		if err := d.makeFolder(dir); err != nil {
			return err
		}
		err := fn()
		if again || !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		d.forget(dir)
	}
}

// makeFolder makes a folder below the root, and its name durable: also the name
// of one that was there, since who made it may have died before the sync.
func (d *Disk) makeFolder(dir string) error {
	if dir == d.root {
		return nil
	}
	d.mu.Lock()
	known := d.known[dir]
	d.mu.Unlock()
	if known {
		return nil
	}
	parent := filepath.Dir(dir)
	for again := false; ; again = true {
		if err := d.makeFolder(parent); err != nil {
			return err
		}
		err := d.files.Mkdir(dir)
		if err == nil || errors.Is(err, fs.ErrExist) {
			break
		}
		if again || !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		d.forget(parent)
	}
	if err := d.files.SyncDir(parent); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.known) >= maxKnown {
		clear(d.known)
	}
	d.known[dir] = true
	return nil
}

func (d *Disk) forget(dir string) {
	d.mu.Lock()
	delete(d.known, dir)
	d.mu.Unlock()
}
