package bench

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/repo"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
)

// carHead is a CAR header without its length: {"roots": [CID], "version": 1}
// around the 36 bytes of a CID.
const (
	carHeadStart = "\xa2\x65roots\x81\xd8\x2a\x58\x25\x00"
	carHeadEnd   = "\x67version\x01"
)

var errCAR = errors.New("not the CAR file of a repository")

// exported is a repository in a file, without its commit: any account can be
// given one of its own. It belongs to whoever made it and is removed by close.
type exported struct {
	file *os.File
	size int64
	data cid.Cid // root of the tree
	key  atcrypto.PrivateKey
}

func (e *exported) close() {
	e.file.Close()
	os.Remove(e.file.Name())
}

// strip reads the answer of getRepo into a file. It takes a block at a time,
// whatever the size of the repository.
func strip(car io.Reader) (_ *exported, err error) {
	f, err := os.CreateTemp("", "pds-bench-*.blocks")
	if err != nil {
		return nil, err
	}
	e := &exported{file: f}
	defer func() {
		if err != nil {
			e.close()
		}
	}()
	if e.key, err = atcrypto.GeneratePrivateKeyK256(); err != nil {
		return nil, err
	}
	in, out := bufio.NewReaderSize(car, 1<<20), bufio.NewWriterSize(f, 1<<20)
	var section []byte
	if section, err = readSection(in, nil); err != nil {
		return nil, err
	}
	root, err := carRoot(section)
	if err != nil {
		return nil, err
	}
	for {
		section, err = readSection(in, section)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		n, c, err := cid.CidFromBytes(section)
		if err != nil {
			return nil, fmt.Errorf("%w: %v", errCAR, err)
		}
		if c == root {
			var commit repo.Commit
			if err := commit.UnmarshalCBOR(bytes.NewReader(section[n:])); err != nil {
				return nil, fmt.Errorf("%w: commit: %v", errCAR, err)
			}
			e.data = commit.Data
			continue
		}
		written, err := out.Write(appendSection(nil, section))
		if err != nil {
			return nil, err
		}
		e.size += int64(written)
	}
	if !e.data.Defined() {
		return nil, fmt.Errorf("%w: no commit", errCAR)
	}
	return e, out.Flush()
}

// of is the same repository as did's, signed by a key that is nobody's: a
// server that takes it in signs it anew.
func (e *exported) of(did syntax.DID) (car io.Reader, size int64, err error) {
	commit := repo.Commit{DID: did.String(), Version: repo.ATPROTO_REPO_VERSION, Data: e.data, Rev: syntax.NewTIDNow(0).String()}
	if err := commit.Sign(e.key); err != nil {
		return nil, 0, err
	}
	var block bytes.Buffer
	if err := commit.MarshalCBOR(&block); err != nil {
		return nil, 0, err
	}
	root, err := e.data.Prefix().Sum(block.Bytes())
	if err != nil {
		return nil, 0, err
	}
	head := appendSection(nil, []byte(carHeadStart+root.KeyString()+carHeadEnd))
	head = appendSection(head, append(root.Bytes(), block.Bytes()...))
	return io.MultiReader(bytes.NewReader(head), io.NewSectionReader(e.file, 0, e.size)), int64(len(head)) + e.size, nil
}

func carRoot(head []byte) (cid.Cid, error) {
	_, rest, found := bytes.Cut(head, []byte(carHeadStart))
	if !found {
		return cid.Undef, errCAR
	}
	_, root, err := cid.CidFromBytes(rest)
	if err != nil {
		return cid.Undef, fmt.Errorf("%w: %v", errCAR, err)
	}
	return root, nil
}

// readSection reads what a length stands before, into buf if it has the room.
// io.EOF is the end between two sections.
func readSection(r *bufio.Reader, buf []byte) ([]byte, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, err
	}
	if n == 0 || n > 4<<20 {
		return nil, fmt.Errorf("%w: a section of %d bytes", errCAR, n)
	}
	if uint64(cap(buf)) < n {
		buf = make([]byte, n)
	}
	if _, err := io.ReadFull(r, buf[:n]); err != nil {
		return nil, fmt.Errorf("%w: %v", errCAR, err)
	}
	return buf[:n], nil
}

func appendSection(dst, section []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(section))), section...)
}
