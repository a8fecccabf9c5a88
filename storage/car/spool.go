package car

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/ipfs/go-cid"
)

// Spool is a whole file on local disk, verified, whose blocks can be asked for
// in any order. Its memory does not depend on the size of the file: it holds a
// window of the blocks, and where they are not asked for in the order in which
// they came, a table on disk says where each lies.
//
// A Spool belongs to one goroutine. Its files have no name, so nothing is left
// of them when the process dies.
type Spool struct {
	dir    string
	blocks *os.File // each a CID, its length as four bytes, the data
	size   int64
	count  int
	roots  []cid.Cid

	window []byte // a stretch of blocks
	at     int64  // where it begins
	place  int64  // of the block that was asked for last
	next   int64  // behind it
	inRow  int    // blocks in a row that were asked for in their order
	table  *table // nil until a block is asked for out of order
}

const (
	spoolHead  = cidLen + 4
	nearWindow = 4 << 10  // read for a block from anywhere
	farWindow  = 64 << 10 // read where block follows block
	keptWhole  = 4 << 20  // a spool up to this size is a window of itself
)

// NewSpool reads r to its end into files in dir and verifies every block. Errors
// wrap ErrInvalid, or are those of r or of the disk.
func NewSpool(dir string, r io.Reader, l Limits) (*Spool, error) {
	f, err := nameless(dir)
	if err != nil {
		return nil, err
	}
	s := &Spool{dir: dir, blocks: f}
	if err := s.read(r, l); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// nameless makes a file that is gone once it is closed.
func nameless(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "spool-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (s *Spool) read(r io.Reader, l Limits) error {
	in, err := NewReader(r, l)
	if err != nil {
		return err
	}
	s.roots = in.Roots()
	out := bufio.NewWriterSize(s.blocks, chunk)
	for {
		b, err := in.Next()
		if err == io.EOF {
			return out.Flush()
		}
		if err != nil {
			return err
		}
		var head [spoolHead]byte
		copy(head[:], b.CID.KeyString())
		binary.LittleEndian.PutUint32(head[cidLen:], uint32(len(b.Data)))
		if _, err := out.Write(head[:]); err != nil {
			return err
		}
		if _, err := out.Write(b.Data); err != nil {
			return err
		}
		s.size += int64(spoolHead + len(b.Data))
		s.count++
	}
}

// Roots are the roots that the header stated.
func (s *Spool) Roots() []cid.Cid { return s.roots }

// Len is how many blocks there are, repeated ones included.
func (s *Spool) Len() int { return s.count }

// Close lets go of the files. It may be called again.
func (s *Spool) Close() error {
	err := s.blocks.Close()
	if errors.Is(err, os.ErrClosed) {
		err = nil
	}
	if s.table != nil {
		err = errors.Join(err, s.table.file.Close())
		s.table = nil
	}
	return err
}

// Block returns the data of a block, which was verified when it was read in. It
// is good until the next call.
func (s *Spool) Block(c cid.Cid) (data []byte, found bool, err error) {
	name := c.KeyString()
	if s.next < s.size {
		head, err := s.bytes(s.next, spoolHead)
		if err != nil {
			return nil, false, err
		}
		if string(head[:cidLen]) == name {
			s.inRow++
			return s.take(s.next, head)
		}
	}
	s.inRow = 0
	if s.table == nil {
		if err := s.index(); err != nil {
			return nil, false, err
		}
	}
	var head []byte
	at, found, err := s.table.find(name, func(at int64) (bool, error) {
		if head, err = s.bytes(at, spoolHead); err != nil {
			return false, err
		}
		return string(head[:cidLen]) == name, nil
	})
	if err != nil || !found {
		return nil, false, err
	}
	return s.take(at, head)
}

// Place is where the block lies that Block returned last, for At.
func (s *Spool) Place() int64 { return s.place }

// At returns the data of the block at a place. It is good until the next call.
func (s *Spool) At(place int64) ([]byte, error) {
	s.inRow = 0
	head, err := s.bytes(place, spoolHead)
	if err != nil {
		return nil, err
	}
	data, _, err := s.take(place, head)
	return data, err
}

// take returns the data of the block at a place.
func (s *Spool) take(at int64, head []byte) ([]byte, bool, error) {
	n := int(binary.LittleEndian.Uint32(head[cidLen:]))
	b, err := s.bytes(at, spoolHead+n)
	if err != nil {
		return nil, false, err
	}
	s.place, s.next = at, at+int64(spoolHead+n)
	return b[spoolHead:], true, nil
}

// bytes reads n bytes at a place, and as many more as are likely to be wanted.
func (s *Spool) bytes(at int64, n int) ([]byte, error) {
	if at >= s.at && at+int64(n) <= s.at+int64(len(s.window)) {
		return s.window[at-s.at:][:n], nil
	}
	if at+int64(n) > s.size {
		return nil, fmt.Errorf("car: the spool ends at %d, inside a block at %d", s.size, at)
	}
	want, from := nearWindow, at
	switch {
	case s.size <= keptWhole:
		want, from = int(s.size), 0
	case s.inRow > 3:
		want = farWindow
	}
	want = int(min(int64(max(want, n)), s.size-from))
	if cap(s.window) < want || cap(s.window) > max(4*want, farWindow) { // one large block is no reason to keep room for it
		s.window = make([]byte, want)
	}
	s.window, s.at = s.window[:want], from
	if _, err := s.blocks.ReadAt(s.window, from); err != nil {
		s.window = s.window[:0]
		return nil, err
	}
	return s.window[at-from:][:n], nil
}

// index makes the table in one pass over the blocks.
func (s *Spool) index() error {
	file, err := nameless(s.dir)
	if err != nil {
		return err
	}
	t, err := newTable(file, s.count, func(at int64) (name [cidLen]byte, err error) {
		_, err = s.blocks.ReadAt(name[:], at)
		return name, err
	})
	if err != nil {
		file.Close()
		return err
	}
	s.table = t
	s.inRow = 4 // this reads block after block
	for at := int64(0); at < s.size; {
		head, err := s.bytes(at, spoolHead)
		if err != nil {
			return err
		}
		if err := t.add(head[:cidLen], at); err != nil {
			return err
		}
		at += spoolHead + int64(binary.LittleEndian.Uint32(head[cidLen:]))
	}
	s.inRow = 0
	return t.flush()
}
