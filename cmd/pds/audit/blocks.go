package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/bluesky-social/indigo/atproto/atdata"
	"github.com/bluesky-social/indigo/atproto/repo"
	"github.com/bluesky-social/indigo/atproto/repo/mst"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	carv2 "github.com/ipld/go-car/v2"
	"github.com/multiformats/go-multihash"
)

// carFile is a CAR that was read whole: every block has the hash of its CID.
type carFile struct {
	root   cid.Cid
	order  []cid.Cid
	store  *repo.TinyBlockstore
	raw    map[cid.Cid][]byte
	needed map[cid.Cid]bool
}

// readCAR reads a CAR v1 with one root whose first block is that root.
func readCAR(r io.Reader) (*carFile, error) {
	br, err := carv2.NewBlockReader(r)
	if err != nil {
		return nil, err
	}
	if br.Version != 1 || len(br.Roots) != 1 {
		return nil, fmt.Errorf("version %d with %d roots, not version 1 with one", br.Version, len(br.Roots))
	}
	f := &carFile{root: br.Roots[0], store: repo.NewTinyBlockstore(), raw: map[cid.Cid][]byte{}, needed: map[cid.Cid]bool{}}
	for {
		b, err := br.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if err := f.put(b); err != nil {
			return nil, err
		}
	}
	if len(f.order) == 0 || f.order[0] != f.root {
		return nil, errors.New("the first block is not the root")
	}
	return f, nil
}

func (f *carFile) put(b blocks.Block) error {
	c := b.Cid()
	if p := c.Prefix(); p.Version != 1 || p.Codec != cid.DagCBOR || p.MhType != multihash.SHA2_256 || p.MhLength != 32 {
		return fmt.Errorf("block %s is not CIDv1, dag-cbor, sha2-256", c)
	}
	if _, twice := f.raw[c]; twice {
		return fmt.Errorf("block %s is there twice", c)
	}
	f.raw[c] = b.RawData()
	f.order = append(f.order, c)
	return f.store.Put(context.Background(), b)
}

// take returns a block and notes that it was needed.
func (f *carFile) take(c cid.Cid) ([]byte, bool) {
	b, ok := f.raw[c]
	if ok {
		f.needed[c] = true
	}
	return b, ok
}

// unneeded are blocks that nothing took.
func (f *carFile) unneeded() (n int, first cid.Cid) {
	for _, c := range f.order {
		if !f.needed[c] {
			if n++; n == 1 {
				first = c
			}
		}
	}
	return n, first
}

// commit reads the root block as a commit of the repository format, version 3.
func (f *carFile) commit() (*repo.Commit, error) {
	b, _ := f.take(f.root)
	var c repo.Commit
	if err := c.UnmarshalCBOR(bytes.NewReader(b)); err != nil {
		return nil, err
	}
	if err := c.VerifyStructure(); err != nil {
		return nil, err
	}
	if c.Prev != nil {
		return nil, errors.New("prev is not null")
	}
	var again bytes.Buffer
	if err := c.MarshalCBOR(&again); err != nil {
		return nil, err
	}
	if !bytes.Equal(again.Bytes(), b) {
		return nil, errors.New("not canonical, or unknown fields")
	}
	return &c, nil
}

// tree loads what the CAR holds of the tree under root and checks each node's
// bytes and the structure. The caller recovers: indigo's reader trusts the
// prefix lengths of a node.
func (f *carFile) tree(root cid.Cid) (*mst.Tree, error) {
	if err := f.checkNodes(root); err != nil {
		return nil, err
	}
	t, err := mst.LoadTreeFromStore(context.Background(), f.store, root)
	if err != nil {
		return nil, err
	}
	return t, t.Verify()
}

// checkNodes follows the links from root through the blocks that are there.
func (f *carFile) checkNodes(c cid.Cid) error {
	b, ok := f.take(c)
	if !ok {
		return nil // partial; whoever needs what is below says so
	}
	n, err := mst.NodeDataFromCBOR(bytes.NewReader(b))
	if err != nil {
		return fmt.Errorf("node %s: %w", c, err)
	}
	if again, _, err := n.Bytes(); err != nil || !bytes.Equal(again, b) {
		return fmt.Errorf("node %s is not canonical", c)
	}
	if n.Left != nil {
		if err := f.checkNodes(*n.Left); err != nil {
			return err
		}
	}
	var prev []byte
	for _, e := range n.Entries {
		if e.PrefixLen < 0 || e.PrefixLen > int64(len(prev)) {
			return fmt.Errorf("node %s: prefix of %d bytes after a key of %d", c, e.PrefixLen, len(prev))
		}
		key := append(bytes.Clone(prev[:e.PrefixLen]), e.KeySuffix...)
		if int64(mst.CountPrefixLen(prev, key)) != e.PrefixLen {
			return fmt.Errorf("node %s: the prefix of %q could be longer", c, key)
		}
		prev = key
		if e.Right != nil {
			if err := f.checkNodes(*e.Right); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkRecord looks at a record's own bytes: canonical, within the data model,
// and of the type that its collection says.
func checkRecord(b []byte, collection string) error {
	v, err := atdata.UnmarshalCBOR(b)
	if err != nil {
		return err
	}
	again, err := atdata.MarshalCBOR(v)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, b) {
		return errors.New("not canonical")
	}
	if t, _ := v["$type"].(string); t != collection {
		return fmt.Errorf("$type is %q in collection %s", t, collection)
	}
	return nil
}
