package blob

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
)

// List reads the two folders of an account at once: some 60 bytes a blob.
func (d *Disk) List(ctx context.Context, did syntax.DID, after cid.Cid) iter.Seq2[Stored, error] {
	return func(yield func(Stored, error) bool) {
		for s, err := range merge(d.list(ctx, did, after, false), d.list(ctx, did, after, true)) {
			if !yield(s, failDisk(ctx, "list", err)) {
				return
			}
		}
	}
}

func (d *Disk) list(ctx context.Context, did syntax.DID, after cid.Cid, quarantined bool) iter.Seq2[Stored, error] {
	return func(yield func(Stored, error) bool) {
		dir := d.folder(did, quarantined)
		names, err := d.files.Names(dir)
		if err = missingIsFine(err); err != nil {
			yield(Stored{}, err)
			return
		}
		if after.Defined() {
			i, there := slices.BinarySearch(names, after.String())
			if there {
				i++
			}
			names = names[i:]
		}
		for _, name := range names {
			c, ok := parseName(name)
			if !ok {
				continue
			}
			if ctx.Err() != nil {
				yield(Stored{}, context.Cause(ctx))
				return
			}
			info, err := d.files.Stat(filepath.Join(dir, name))
			if errors.Is(err, fs.ErrNotExist) {
				continue // deleted meanwhile
			}
			if err != nil {
				yield(Stored{}, err)
				return
			}
			if !yield(Stored{CID: c, Size: info.Size(), Modified: info.ModTime(), Quarantined: quarantined}, nil) {
				return
			}
		}
	}
}

// Accounts reads the names of all folders at once.
func (d *Disk) Accounts(ctx context.Context) iter.Seq2[syntax.DID, error] {
	return func(yield func(syntax.DID, error) bool) {
		names, err := d.files.Names(d.root)
		var more []string
		if err == nil {
			more, err = d.files.Names(filepath.Join(d.root, quarantineDir))
			err = missingIsFine(err)
		}
		if err != nil {
			yield("", failDisk(ctx, "accounts", gone(err)))
			return
		}
		names = append(names, more...)
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			did, ok := plainDID(name)
			if !ok && isDigest(name) {
				did, err = d.readName(name)
				ok = did != ""
			}
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			if err != nil {
				yield("", failDisk(ctx, "accounts", err))
				return
			}
			if ok && !yield(did, nil) {
				return
			}
		}
	}
}

// readName is the DID whose digest a folder has for its name; "" for a folder
// that is none of ours.
func (d *Disk) readName(name string) (syntax.DID, error) {
	f, err := d.files.Open(filepath.Join(d.root, namesDir, name))
	if err != nil {
		return "", missingIsFine(err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 4096))
	if did := syntax.DID(text); err == nil && folderName(did) == name {
		return did, nil
	}
	return "", err
}

// DeleteAccount removes both folders of an account.
func (d *Disk) DeleteAccount(ctx context.Context, did syntax.DID) error {
	err := d.removeFolder(ctx, d.folder(did, true))
	if err == nil {
		err = d.removeFolder(ctx, d.folder(did, false))
	}
	// The DID last: until then the account can be found and deleted again.
	if name := folderName(did); err == nil && isDigest(name) {
		dir := filepath.Join(d.root, namesDir)
		err = missingIsFine(d.files.Remove(filepath.Join(dir, name)))
		if err == nil {
			err = missingIsFine(d.files.SyncDir(dir))
		}
	}
	return failDisk(ctx, "delete account", gone(err))
}

func (d *Disk) removeFolder(ctx context.Context, dir string) error {
	names, err := d.files.Names(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, name := range names {
		if err == nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		err = missingIsFine(d.files.Remove(filepath.Join(dir, name)))
	}
	if err != nil {
		return err
	}
	d.forget(dir)
	if err := missingIsFine(d.files.Remove(dir)); err != nil {
		return err
	}
	return d.files.SyncDir(filepath.Dir(dir))
}

// merge joins two lists in the order of their CIDs. Of a CID that is in both,
// the one of a is taken.
func merge(a, b iter.Seq2[Stored, error]) iter.Seq2[Stored, error] {
	return func(yield func(Stored, error) bool) {
		next, stop := iter.Pull2(b)
		defer stop()
		other, otherErr, more := next()
		for one, err := range a {
			for more && err == nil {
				order := -1 // an error of b is told before anything else
				if otherErr == nil {
					order = strings.Compare(other.CID.String(), one.CID.String())
				}
				if order > 0 {
					break
				}
				if order < 0 && (!yield(other, otherErr) || otherErr != nil) {
					return
				}
				other, otherErr, more = next()
			}
			if !yield(one, err) || err != nil {
				return
			}
		}
		for more {
			if !yield(other, otherErr) || otherErr != nil {
				return
			}
			other, otherErr, more = next()
		}
	}
}
