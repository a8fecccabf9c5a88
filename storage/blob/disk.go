package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"sync"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
)

// Names beside the accounts' folders. No DID and no digest is any of them.
const (
	quarantineDir = "quarantine"
	namesDir      = "names" // <digest> holds the DID of a folder named by a digest
	tempDir       = "tempt" // as the reference spells it
)

// maxKnown bounds what is remembered of folders: about 2 MB.
const maxKnown = 16 << 10

// Disk keeps blobs as files: <root>/<did>/<cid>.
type Disk struct {
	root  string
	files files

	// mu guards what follows, and is never held during a call to the system.
	mu    sync.Mutex
	known map[string]bool // folders whose own name is known to be durable
}

// OpenDisk opens or makes the directory. Another process may have it open.
func OpenDisk(root string) (*Disk, error) { return openDisk(root, system{}) }

func openDisk(root string, over files) (*Disk, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	d := &Disk{root: root, files: over, known: map[string]bool{}}
	if err := d.makeRoot(root); err != nil {
		return nil, failDisk(context.Background(), "open "+root, gone(err))
	}
	return d, nil
}

// makeRoot makes the directory and those above it, and their names durable.
func (d *Disk) makeRoot(dir string) error {
	if _, err := d.files.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := d.makeRoot(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := d.files.Mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return d.files.SyncDir(filepath.Dir(dir))
}

// TempDir is where uploads are best spooled unless the operator says otherwise:
// Put then takes their files over.
func (d *Disk) TempDir() string { return filepath.Join(d.root, tempDir) }

// Put keeps the bytes of r. It takes the file of a SpoolReader over, where the
// file system can, and copies anything else.
func (d *Disk) Put(ctx context.Context, did syntax.DID, c cid.Cid, size int64, r io.Reader) error {
	return failDisk(ctx, "put", gone(d.put(ctx, d.folder(did, false), did, c, size, r)))
}

// Open opens the file.
func (d *Disk) Open(ctx context.Context, did syntax.DID, c cid.Cid) (Object, error) {
	o, err := d.open(ctx, did, c, false)
	if err != nil {
		return nil, failDisk(ctx, "open", err)
	}
	return o, nil
}

func (d *Disk) open(ctx context.Context, did syntax.DID, c cid.Cid, quarantined bool) (*diskObject, error) {
	name, ok := blobName(c)
	if !ok {
		return nil, ErrNotFound
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	f, err := d.files.Open(filepath.Join(d.folder(did, quarantined), name))
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &diskObject{file: f, size: info.Size()}, nil
}

// Has looks for the file.
func (d *Disk) Has(ctx context.Context, did syntax.DID, c cid.Cid) (bool, error) {
	ok, err := d.has(ctx, did, c, false)
	return ok, failDisk(ctx, "has", err)
}

func (d *Disk) has(ctx context.Context, did syntax.DID, c cid.Cid, quarantined bool) (bool, error) {
	name, ok := blobName(c)
	if !ok {
		return false, nil
	}
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	_, err := d.files.Stat(filepath.Join(d.folder(did, quarantined), name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Delete removes the files, and their names durably.
func (d *Disk) Delete(ctx context.Context, did syntax.DID, cids ...cid.Cid) error {
	for _, quarantined := range []bool{false, true} {
		if err := d.remove(ctx, d.folder(did, quarantined), cids...); err != nil {
			return failDisk(ctx, "delete", gone(err))
		}
	}
	return nil
}

// remove removes blobs from a folder.
func (d *Disk) remove(ctx context.Context, dir string, cids ...cid.Cid) error {
	removed := false
	for _, c := range cids {
		name, ok := blobName(c)
		if !ok {
			continue
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		switch err := d.files.Remove(filepath.Join(dir, name)); {
		case err == nil:
			removed = true
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	if !removed {
		return nil
	}
	return missingIsFine(d.files.SyncDir(dir))
}

// Quarantine moves the file to <root>/quarantine/<did>/<cid>.
func (d *Disk) Quarantine(ctx context.Context, did syntax.DID, c cid.Cid) error {
	return failDisk(ctx, "quarantine", gone(d.move(ctx, did, c, false)))
}

// Restore moves it back.
func (d *Disk) Restore(ctx context.Context, did syntax.DID, c cid.Cid) error {
	return failDisk(ctx, "restore", gone(d.move(ctx, did, c, true)))
}

func (d *Disk) move(ctx context.Context, did syntax.DID, c cid.Cid, back bool) error {
	name, ok := blobName(c)
	if !ok {
		return nil
	}
	from, to := d.folder(did, back), d.folder(did, !back)
	if there, err := d.has(ctx, did, c, back); !there || err != nil {
		return err
	}
	err := d.inFolder(to, func() error {
		return d.files.Rename(filepath.Join(from, name), filepath.Join(to, name))
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil // deleted meanwhile
	}
	if err != nil {
		return err
	}
	// The new name first: a crash may leave two names of one file, but never none.
	if err := d.files.SyncDir(to); err != nil {
		return err
	}
	return missingIsFine(d.files.SyncDir(from))
}

// folder is where the blobs of an account lie.
func (d *Disk) folder(did syntax.DID, quarantined bool) string {
	if quarantined {
		return filepath.Join(d.root, quarantineDir, folderName(did))
	}
	return filepath.Join(d.root, folderName(did))
}

// gone is for calls that have no "not found": what is missing then is a folder
// that should be there.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) && !classified(err) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

func missingIsFine(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// diskObject is an open file.
type diskObject struct {
	file
	size int64
}

func (o *diskObject) Size() int64 { return o.size }
