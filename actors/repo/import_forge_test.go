package repo_test

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/car"
	"troupe/storage/dag"
	"troupe/storage/mst"
)

// forge makes repositories that no honest server would: every part can be bent.
type forge struct {
	t       testing.TB
	did     syntax.DID
	key     atcrypto.PrivateKey
	blocks  []car.Block // in the order of the file
	version int64
	rev     string
	sign    func([]byte) []byte                // bends a signature
	fields  func(map[string][]byte, *[]string) // bends a commit: values, and the order of keys
}

func newForge(t testing.TB, d syntax.DID) *forge {
	key, err := atcrypto.GeneratePrivateKeyK256()
	if err != nil {
		t.Fatal(err)
	}
	return &forge{t: t, did: d, key: key, version: 3, rev: syntax.NewTID(time.Now().UnixMicro()-1000, 0).String()}
}

// put adds a block under its right name.
func (f *forge) put(b []byte) cid.Cid {
	c := dag.Sum(b)
	f.blocks = append(f.blocks, car.Block{CID: c, Data: b})
	return c
}

// pair is one key of a node, as it is written there.
type pair struct {
	prefix int
	suffix string
	value  cid.Cid
	right  cid.Cid
}

func appendLink(b []byte, c cid.Cid) []byte {
	if !c.Defined() {
		return dag.AppendNull(b)
	}
	return dag.AppendCID(b, c)
}

func nodeBytes(left cid.Cid, pairs ...pair) []byte {
	b := dag.AppendMap(nil, 2)
	b = dag.AppendArray(dag.AppendText(b, "e"), len(pairs))
	for _, p := range pairs {
		b = dag.AppendMap(b, 4)
		b = dag.AppendBytes(dag.AppendText(b, "k"), []byte(p.suffix))
		b = dag.AppendInt(dag.AppendText(b, "p"), int64(p.prefix))
		b = appendLink(dag.AppendText(b, "t"), p.right)
		b = appendLink(dag.AppendText(b, "v"), p.value)
	}
	return appendLink(dag.AppendText(b, "l"), left)
}

func (f *forge) node(left cid.Cid, pairs ...pair) cid.Cid { return f.put(nodeBytes(left, pairs...)) }

// keyAt is the n-th record path of a height.
func keyAt(height, n int) string {
	for i := 0; ; i++ {
		key := fmt.Sprintf("app.bsky.feed.post/%06d", i)
		if mst.Height(key) == height {
			if n == 0 {
				return key
			}
			n--
		}
	}
}

// record is an ordinary one.
func (f *forge) record() cid.Cid {
	return f.put(dag.AppendText(dag.AppendText(dag.AppendMap(nil, 1), "$type"), "app.bsky.feed.post"))
}

// tree is an ordinary one of a single record.
func (f *forge) tree() cid.Cid { return f.treeOf(keyAt(0, 0), f.record()) }

func (f *forge) treeOf(key string, value cid.Cid) cid.Cid {
	return f.node(cid.Undef, pair{suffix: key, value: value})
}

// commit signs a tree.
func (f *forge) commit(data cid.Cid) cid.Cid {
	values := map[string][]byte{
		"did": dag.AppendText(nil, f.did.String()), "rev": dag.AppendText(nil, f.rev), "data": dag.AppendCID(nil, data),
		"prev": dag.AppendNull(nil), "version": dag.AppendInt(nil, f.version), "sig": nil,
	}
	order := []string{"did", "rev", "sig", "data", "prev", "version"}
	if f.fields != nil {
		f.fields(values, &order)
	}
	object := func(sig []byte) []byte {
		n := len(order)
		if sig == nil {
			n--
		}
		b := dag.AppendMap(nil, n)
		for _, k := range order {
			switch {
			case k != "sig":
				b = append(dag.AppendText(b, k), values[k]...)
			case sig != nil:
				b = dag.AppendBytes(dag.AppendText(b, k), sig)
			}
		}
		return b
	}
	sig, err := f.key.HashAndSign(object(nil))
	if err != nil {
		f.t.Fatal(err)
	}
	if f.sign != nil {
		sig = f.sign(sig)
	}
	return f.put(object(sig))
}

// file is the CAR of everything that was put, with the last block as the root.
func (f *forge) file() []byte {
	b := car.AppendHeader(nil, f.blocks[len(f.blocks)-1].CID)
	for _, block := range f.blocks {
		b = car.AppendBlock(b, block.CID, block.Data)
	}
	return b
}

// section is a length and what follows it.
func section(parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return append(binary.AppendUvarint(nil, uint64(len(all))), all...)
}

// highS is the other signature of the same message.
func highS(sig []byte) []byte {
	n, _ := new(big.Int).SetString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16)
	s := new(big.Int).Sub(n, new(big.Int).SetBytes(sig[32:]))
	return append(append([]byte(nil), sig[:32]...), s.FillBytes(make([]byte, 32))...)
}
