package car

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/ipfs/go-cid"
)

// Limits bound what a Reader takes. A zero or negative field means the default.
type Limits struct {
	Block int   // bytes of one block; default 2 MiB, above any record or sane tree node
	Total int64 // bytes of the whole file; default: as long as the source goes on
}

const (
	defaultBlock = 2 << 20
	maxHeader    = 4 << 10 // about a hundred roots
	chunk        = 64 << 10
)

// Reader reads a file block by block from a stream. It holds one block.
type Reader struct {
	src    *bufio.Reader
	limits Limits
	left   int64 // of Limits.Total; meaningless without one
	roots  []cid.Cid
	err    error // why there is no next block
}

// NewReader reads the header of r. Errors wrap ErrInvalid, or are those of r.
// The Reader reads ahead of what it has given out.
func NewReader(r io.Reader, l Limits) (*Reader, error) {
	if l.Block <= 0 {
		l.Block = defaultBlock
	}
	cr := &Reader{src: bufio.NewReaderSize(r, chunk), limits: l, left: l.Total}
	header, err := cr.section(maxHeader)
	if err == io.EOF {
		err = ErrTruncated // an empty file is no CAR
	}
	if err != nil {
		return nil, err
	}
	if cr.roots, err = readHeader(header); err != nil {
		return nil, err
	}
	return cr, nil
}

// Roots are the roots that the header states: any number, also none, each as
// often as it stands there. What a repository needs is for the caller to demand.
func (r *Reader) Roots() []cid.Cid { return slices.Clone(r.roots) }

// Next reads and verifies one block; its Data belongs to the caller. io.EOF is
// the end of the file at the end of a block. Any other error is final: Next goes
// on giving it. A file has no count of its blocks, so that one that was cut
// between two of them cannot be told from a whole one here: the caller finds
// out that blocks are missing.
func (r *Reader) Next() (Block, error) {
	if r.err != nil {
		return Block{}, r.err
	}
	var b Block
	section, err := r.section(cidLen + r.limits.Block)
	if err == nil {
		b, err = readBlock(section)
	}
	r.err = err
	return b, err
}

// section reads a length and that many bytes.
func (r *Reader) section(limit int) ([]byte, error) {
	n, err := r.length()
	if err != nil {
		return nil, err
	}
	if n > uint64(limit) {
		return nil, fmt.Errorf("%w: %d bytes announced, %d are allowed", ErrTooLarge, n, limit)
	}
	if err := r.spend(int64(n)); err != nil {
		return nil, err
	}
	// A length is believed as far as bytes arrive: a few that announce megabytes
	// must not make us reserve megabytes.
	buf := make([]byte, 0, min(int(n), chunk))
	for len(buf) < int(n) {
		from := len(buf)
		buf = slices.Grow(buf, min(int(n)-from, chunk))
		buf = buf[:min(int(n), cap(buf))]
		if _, err := io.ReadFull(r.src, buf[from:]); err != nil {
			return nil, truncated(err)
		}
	}
	return buf, nil
}

// length reads a varint. io.EOF means that the file ends in front of it.
func (r *Reader) length() (n uint64, err error) {
	for shift := 0; ; shift += 7 {
		c, err := r.src.ReadByte()
		if err != nil {
			if shift > 0 {
				err = truncated(err)
			}
			return 0, err
		}
		if err := r.spend(1); err != nil {
			return 0, err
		}
		if shift == 63 || c == 0 && shift > 0 {
			return 0, ErrLength
		}
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return n, nil
		}
	}
}

// spend counts bytes against Limits.Total.
func (r *Reader) spend(n int64) error {
	if r.limits.Total <= 0 {
		return nil
	}
	if r.left -= n; r.left < 0 {
		return fmt.Errorf("%w: more than %d bytes in all", ErrTooLarge, r.limits.Total)
	}
	return nil
}

func truncated(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrTruncated
	}
	return err
}

// ReadAll takes a whole file in memory apart: the roots and the blocks, verified,
// in the order of the file and each as often as it stands there. The data of the
// blocks are aliases of b.
func ReadAll(b []byte) (roots []cid.Cid, blocks []Block, err error) {
	header, rest, err := cut(b)
	if err != nil {
		return nil, nil, err
	}
	if len(header) > maxHeader {
		return nil, nil, fmt.Errorf("%w: header of %d bytes, %d are allowed", ErrTooLarge, len(header), maxHeader)
	}
	if roots, err = readHeader(header); err != nil {
		return nil, nil, err
	}
	for len(rest) > 0 {
		var section []byte
		if section, rest, err = cut(rest); err != nil {
			return nil, nil, err
		}
		block, err := readBlock(section)
		if err != nil {
			return nil, nil, err
		}
		blocks = append(blocks, block)
	}
	return roots, blocks, nil
}

// cut splits b behind its first section.
func cut(b []byte) (section, rest []byte, err error) {
	n, size := binary.Uvarint(b)
	switch {
	case size == 0:
		return nil, nil, ErrTruncated
	case size < 0, size > 1 && b[size-1] == 0, size > 9:
		return nil, nil, ErrLength
	case n > uint64(len(b)-size):
		return nil, nil, ErrTruncated
	}
	return b[size : size+int(n) : size+int(n)], b[size+int(n):], nil
}
