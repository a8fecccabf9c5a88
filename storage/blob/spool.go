package blob

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// spoolPrefix begins the name of every file that only lives during an upload.
// The operator may point at a folder that others use too.
const spoolPrefix = "pds-upload-"

// Spool is an upload in progress: a file of its own, which takes what a client
// sends, decoded, and knows its CID at the end. It belongs to one goroutine;
// the readers it gives do not.
type Spool struct {
	files files
	file  file
	limit int64
	sum   hash.Hash
	size  int64
	head  []byte

	synced bool
	err    error // of an fsync: what the file holds is not known any more
}

// NewSpool begins an upload of at most limit bytes in dir, which exists. Put
// takes the file over without copying if dir is on the file system of the Disk.
func NewSpool(dir string, limit int64) (*Spool, error) { return newSpool(system{}, dir, limit) }

func newSpool(over files, dir string, limit int64) (*Spool, error) {
	f, err := over.Create(filepath.Join(dir, spoolPrefix+strings.ToLower(rand.Text())))
	if err != nil {
		return nil, spoolError(err)
	}
	return &Spool{files: over, file: f, limit: limit, sum: sha256.New()}, nil
}

// Write takes the next bytes: ErrTooLarge behind the limit, ErrFull, and then
// the upload has failed.
func (s *Spool) Write(p []byte) (int, error) {
	if int64(len(p)) > s.limit-s.size {
		return 0, fmt.Errorf("%w: the limit is %d bytes", ErrTooLarge, s.limit)
	}
	n, err := s.file.Write(p)
	s.sum.Write(p[:n])
	s.size += int64(n)
	if room := HeadSize - len(s.head); room > 0 {
		s.head = append(s.head, p[:min(n, room)]...)
	}
	return n, spoolError(err)
}

// Finish says what was written. Nothing may be written after it.
func (s *Spool) Finish() Content {
	mh, err := multihash.Encode(s.sum.Sum(nil), multihash.SHA2_256)
	if err != nil {
		panic("blob: a digest is no multihash: " + err.Error())
	}
	return Content{CID: cid.NewCidV1(cid.Raw, mh), Size: s.size, Head: s.head}
}

// Open reads the upload from its start, as often as needed, until Close.
func (s *Spool) Open() *SpoolReader {
	return &SpoolReader{SectionReader: io.NewSectionReader(s.file, 0, s.size), spool: s}
}

// Close forgets the upload. What Put has kept of it stays.
func (s *Spool) Close() error {
	err := s.files.Remove(s.file.Name())
	if cerr := s.file.Close(); err == nil {
		err = cerr
	}
	return spoolError(err)
}

// spoolError: where the folder is gone nothing was "not found", uploads fail.
func spoolError(err error) error { return failDisk(context.Background(), "spool", gone(err)) }

// sync makes the file durable, once. After an fsync that failed the kernel may
// have dropped the bytes, and a second one would report success: the upload is
// lost and the client has to send it again.
func (s *Spool) sync() error {
	if !s.synced && s.err == nil {
		if s.err = s.file.Sync(); s.err == nil {
			s.synced = true
		}
	}
	return s.err
}

// SpoolReader reads an upload. A Disk knows it, and keeps the file itself.
type SpoolReader struct {
	*io.SectionReader
	spool *Spool
}

// RemoveSpools removes the uploads that a process left in dir when it died, and
// makes dir if there is none. Only the owner of the data directory may call it,
// before it takes uploads.
func RemoveSpools(dir string) (removed int, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, err
	}
	names, err := system{}.Names(dir)
	for _, name := range names {
		if !strings.HasPrefix(name, spoolPrefix) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, err
}
