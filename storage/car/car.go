package car

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"

	"troupe/storage/dag"
)

// ErrInvalid is wrapped by every error that is the file's fault. An error of
// the source or of the destination is passed on as it is.
var ErrInvalid = errors.New("invalid CAR")

// What can be wrong with a file. Each wraps ErrInvalid.
var (
	// ErrTruncated: the file ends inside a block or the header.
	ErrTruncated = fmt.Errorf("%w: cut short", ErrInvalid)
	// ErrHeader: the header is not {roots: [link…], version: 1} in DAG-CBOR.
	ErrHeader = fmt.Errorf("%w: header", ErrInvalid)
	// ErrLength: a length that is no varint in its shortest form.
	ErrLength = fmt.Errorf("%w: length", ErrInvalid)
	// ErrCID: another CID than version 1, DAG-CBOR or raw, sha2-256.
	ErrCID = fmt.Errorf("%w: unsupported CID", ErrInvalid)
	// ErrHash: a block is not what its CID says.
	ErrHash = fmt.Errorf("%w: block does not match its CID", ErrInvalid)
	// ErrTooLarge: a block or the whole is larger than Limits.
	ErrTooLarge = fmt.Errorf("%w: too large", ErrInvalid)
)

// Block is a piece of a repository and its name.
type Block struct {
	CID  cid.Cid
	Data []byte
}

// cidLen is the length of every CID that is accepted here.
const cidLen = 4 + sha256.Size

// AppendHeader appends the header of a file. A repository has one root, its
// commit; a CAR without a root is legal too.
func AppendHeader(dst []byte, roots ...cid.Cid) []byte {
	var buf [128]byte
	h := dag.AppendMap(buf[:0], 2)
	h = dag.AppendText(h, "roots")
	h = dag.AppendArray(h, len(roots))
	for _, c := range roots {
		h = dag.AppendCID(h, c)
	}
	h = dag.AppendText(h, "version")
	h = dag.AppendInt(h, 1)
	return append(binary.AppendUvarint(dst, uint64(len(h))), h...)
}

// AppendBlock appends a block. That data is what c names is the caller's word.
func AppendBlock(dst []byte, c cid.Cid, data []byte) []byte {
	return append(appendPrefix(dst, c, len(data)), data...)
}

// appendPrefix appends what stands in front of the data of a block.
func appendPrefix(dst []byte, c cid.Cid, size int) []byte {
	name := c.KeyString()
	dst = binary.AppendUvarint(dst, uint64(len(name)+size))
	return append(dst, name...)
}

// readHeader gives the roots that the header states.
func readHeader(b []byte) ([]cid.Cid, error) {
	r := dag.NewReader(b)
	if n, err := r.Map(); err != nil || n != 2 {
		return nil, fmt.Errorf("%w: a map of two expected", ErrHeader)
	}
	if key, err := r.Key(); err != nil || key != "roots" {
		return nil, fmt.Errorf("%w: no roots", ErrHeader)
	}
	n, err := r.Array()
	if err != nil {
		return nil, fmt.Errorf("%w: roots are no array", ErrHeader)
	}
	var roots []cid.Cid
	for range n {
		c, err := r.CID()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrHeader, err)
		}
		if !supported(c.KeyString()) {
			return nil, fmt.Errorf("%w: root: %w", ErrHeader, ErrCID)
		}
		roots = append(roots, c)
	}
	if key, err := r.Key(); err != nil || key != "version" {
		return nil, fmt.Errorf("%w: no version", ErrHeader)
	}
	if v, err := r.Int(); err != nil || v != 1 || !r.Done() {
		return nil, fmt.Errorf("%w: not version 1", ErrHeader)
	}
	return roots, nil
}

// supported tells whether the CID in binary form s is one that names blocks of
// a repository. Identity and version 0 CIDs are not.
func supported[T string | []byte](s T) bool {
	return len(s) == cidLen && s[0] == 1 && (s[1] == cid.DagCBOR || s[1] == cid.Raw) &&
		s[2] == 0x12 && s[3] == sha256.Size
}

// readBlock takes a section apart, the CID and the data, and verifies it. The
// data of the block is an alias of the section.
func readBlock(section []byte) (Block, error) {
	if len(section) < cidLen || !supported(section[:cidLen]) {
		return Block{}, ErrCID
	}
	data := section[cidLen:len(section):len(section)]
	c, err := cid.Cast(section[:cidLen])
	if err != nil {
		return Block{}, fmt.Errorf("%w: %w", ErrCID, err)
	}
	if sha256.Sum256(data) != [sha256.Size]byte(section[4:cidLen]) {
		return Block{}, fmt.Errorf("%w: %v", ErrHash, c)
	}
	return Block{CID: c, Data: data}, nil
}
