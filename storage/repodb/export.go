package repodb

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/car"
	"troupe/storage/mst"
	"troupe/storage/sqlite"
)

const (
	exportPage     = 512
	preloadedNodes = 4 << 20 // bytes of tree nodes an export may hold in memory: of some 25,000 records
	preloadedChunk = 1 << 20 // they are kept in pieces: one that grew would be there twice
	maxTreeDepth   = 128     // sha-256 gives a key at most 128 leading pairs of zero bits
)

// Export writes the repository as a CAR: the commit, then the tree depth
// first with every record behind the entry that names it, so a reader can
// verify as it goes. Memory is bounded whatever the size of the repository.
func (r *Reader) Export(ctx context.Context, w io.Writer) error {
	root, ok, err := r.Root()
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("repodb: export: %w", errors.New("the file is empty"))
	}
	out, err := car.NewWriter(w, root.Commit)
	if err != nil {
		return err
	}
	if err := out.Put(root.Commit, root.Block); err != nil {
		return err
	}
	e := exporter{ctx: ctx, db: r, out: out}
	if err := e.preload(); err != nil {
		return err
	}
	if e.records, err = newRecordScan(r); err != nil {
		return err
	}
	return e.subtree(root.Data, 0)
}

type exporter struct {
	ctx     context.Context
	db      *Reader
	out     *car.Writer
	nodes   map[digest]stretch // of the whole table, or of its beginning when that is large
	chunks  [][]byte           // their bytes
	records *recordScan
}

// span is a part of an arena: one allocation holds thousands of blocks.
type span struct{ from, to int }

// stretch is a part of one of several arenas.
type stretch struct{ chunk, from, to uint32 }

// digest is the part of a CID that tells it from others: a repository's CIDs
// have one version, codec and hash function.
type digest [sha256.Size]byte

// digestOf reads the end of a binary CID.
func digestOf[B string | []byte](c B) (d digest) {
	if len(c) >= len(d) {
		copy(d[:], c[len(c)-len(d):])
	}
	return d
}

const allNodes = `SELECT cid, block FROM node`

var errEnough = errors.New("enough")

// preload reads nodes by scan, which is several times faster than one by one.
func (e *exporter) preload() error {
	e.nodes = map[digest]stretch{}
	held := 0
	err := e.db.sql.Each(allNodes, func(row *sqlite.Row) error {
		block := row.RawBlob(1)
		if held += len(block); held > preloadedNodes {
			return errEnough
		}
		last := len(e.chunks) - 1
		if last < 0 || len(block) > cap(e.chunks[last])-len(e.chunks[last]) {
			size := preloadedChunk
			if last < 0 {
				size = 64 << 10 // most repositories need no more
			}
			e.chunks = append(e.chunks, make([]byte, 0, max(size, len(block))))
			last++
		}
		from := len(e.chunks[last])
		e.chunks[last] = append(e.chunks[last], block...)
		e.nodes[digestOf(row.RawBlob(0))] = stretch{uint32(last), uint32(from), uint32(len(e.chunks[last]))}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

func (e *exporter) node(c cid.Cid) ([]byte, error) {
	if at, ok := e.nodes[digestOf(c.KeyString())]; ok {
		return e.chunks[at.chunk][at.from:at.to], nil
	}
	b, found, err := e.db.Node(c)
	if err == nil && !found {
		err = fmt.Errorf("%w: tree node %s is missing", sqlite.ErrCorrupt, c)
	}
	return b, err
}

func (e *exporter) subtree(c cid.Cid, depth int) error {
	if err := e.ctx.Err(); err != nil {
		return err
	}
	if depth > maxTreeDepth {
		return fmt.Errorf("%w: the tree is deeper than any key", sqlite.ErrCorrupt)
	}
	block, err := e.node(c)
	if err != nil {
		return err
	}
	if err := e.put(c, block); err != nil {
		return err
	}
	return mst.EachLink(block, func(link cid.Cid, isRecord bool) error {
		if !isRecord {
			return e.subtree(link, depth+1)
		}
		b, err := e.records.next(link)
		if err != nil {
			return err
		}
		return e.put(link, b)
	})
}

// put writes a block after checking that it is what its CID says: damage to a
// file must not travel.
func (e *exporter) put(c cid.Cid, b []byte) error {
	if err := verify(c, b); err != nil {
		return err
	}
	return e.out.Put(c, b)
}

func verify(c cid.Cid, b []byte) error {
	if digest(sha256.Sum256(b)) != digestOf(c.KeyString()) {
		return fmt.Errorf("%w: block %s does not match its CID", sqlite.ErrCorrupt, c)
	}
	return nil
}

// recordScan yields every record in tree order.
type recordScan struct {
	db          *Reader
	collections []syntax.NSID
	after       string // last key of the page, if there may be another
	page        []scanned
	at          int    // of the next one
	arena       []byte // bytes of the page's records
}

type scanned struct {
	cid   digest
	block span
}

// newRecordScan sorts the collections as the tree does, by "collection/": the
// table's order differs where one NSID is the beginning of another.
func newRecordScan(r *Reader) (*recordScan, error) {
	all, err := r.Collections()
	slices.SortFunc(all, func(a, b syntax.NSID) int { return cmp.Compare(string(a)+"/", string(b)+"/") })
	return &recordScan{db: r, collections: all}, err
}

const scanRecords = `SELECT rkey, cid, block FROM record WHERE collection = ? AND rkey > ? ORDER BY rkey LIMIT ?`

// next returns the bytes of the next record, which must be c. They are good
// until the next call.
func (s *recordScan) next(c cid.Cid) ([]byte, error) {
	for s.at == len(s.page) {
		if err := s.turn(); err != nil {
			return nil, err
		}
	}
	r := s.page[s.at]
	s.at++
	if r.cid != digestOf(c.KeyString()) {
		return nil, fmt.Errorf("%w: the tree names record %s, the table holds another", sqlite.ErrCorrupt, c)
	}
	return s.arena[r.block.from:r.block.to], nil
}

// turn reads the next page over the one before.
func (s *recordScan) turn() error {
	if len(s.collections) == 0 {
		return fmt.Errorf("%w: the tree names more records than the table holds", sqlite.ErrCorrupt)
	}
	s.page, s.arena, s.at = s.page[:0], s.arena[:0], 0
	last := ""
	err := s.db.sql.Each(scanRecords, func(row *sqlite.Row) error {
		from := len(s.arena)
		s.arena = append(s.arena, row.RawBlob(2)...)
		s.page = append(s.page, scanned{digestOf(row.RawBlob(1)), span{from, len(s.arena)}})
		if len(s.page) == exportPage {
			last = row.Text(0)
		}
		return nil
	}, string(s.collections[0]), s.after, exportPage)
	if s.after = last; last == "" {
		s.collections = s.collections[1:]
	}
	return err
}
