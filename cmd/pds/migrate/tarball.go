package migrate

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Pack writes a complete export into one file, which is whole or not there.
func (f Folder) Pack(path string) (err error) {
	if _, err := f.manifest(); err != nil {
		return err
	}
	part := path + partial
	out, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	w := tar.NewWriter(out)
	err = errors.Join(f.pack(w, filepath.Base(string(f))), w.Close(), out.Sync(), out.Close())
	if err != nil {
		return errors.Join(err, os.Remove(part))
	}
	return rename(part, path)
}

// pack adds every file below a top folder of that name.
func (f Folder) pack(w *tar.Writer, top string) error {
	return filepath.WalkDir(string(f), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) == partial {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		h, err := tar.FileInfoHeader(info, "")
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(string(f), path)
		if err != nil {
			return err
		}
		h.Name, h.Uname, h.Gname, h.Uid, h.Gid = filepath.ToSlash(filepath.Join(top, inside)), "", "", 0, 0
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		in, err := os.Open(path)
		if err != nil {
			return err
		}
		defer in.Close()
		_, err = io.Copy(w, in)
		return err
	})
}
