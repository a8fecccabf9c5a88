package audit

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/big"
	"testing"
	"time"

	comatproto "github.com/bluesky-social/indigo/api/atproto"
	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/atdata"
	"github.com/bluesky-social/indigo/atproto/repo"
	"github.com/bluesky-social/indigo/atproto/repo/mst"
	"github.com/bluesky-social/indigo/atproto/syntax"
	lexutil "github.com/bluesky-social/indigo/lex/util"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	blockstore "github.com/ipfs/go-ipfs-blockstore"
	"github.com/multiformats/go-multihash"
)

// testDID is whom the events of a writer are about.
const testDID = syntax.DID("did:plc:ewvi7nxzyoun6zhxrhs64oiz")

// oneKey is Keys of one account.
type oneKey struct {
	key    atcrypto.PublicKey
	former []FormerKey
}

func (k *oneKey) Key(context.Context, syntax.DID) (atcrypto.PublicKey, error) { return k.key, nil }
func (k *oneKey) Former(context.Context, syntax.DID) ([]FormerKey, error)     { return k.former, nil }
func (k *oneKey) Forget(syntax.DID)                                           {}

// nodes collects what indigo's tree writes. It is all of a blockstore that the
// tree asks for.
type nodes struct {
	blockstore.Blockstore
	blocks []blocks.Block
}

func (n *nodes) Put(_ context.Context, b blocks.Block) error {
	n.blocks = append(n.blocks, b)
	return nil
}

// writer makes the events of one account with indigo alone.
type writer struct {
	t    *testing.T
	key  atcrypto.PrivateKey
	keys *oneKey
	tree mst.Tree
	seq  int64
	at   int64 // microseconds of the next rev

	rev    string // of the newest commit
	data   cid.Cid
	commit cid.Cid
	car    []byte // of the newest #sync

	records []blocks.Block // every one that was written
}

func newWriter(t *testing.T) *writer {
	t.Helper()
	key, err := atcrypto.GeneratePrivateKeyK256()
	if err != nil {
		t.Fatal(err)
	}
	pub, err := key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return &writer{t: t, key: key, keys: &oneKey{key: pub}, tree: mst.NewEmptyTree(), at: time.Now().Add(-time.Hour).UnixMicro()}
}

func (w *writer) next() int64 { w.seq++; return w.seq }

const testTime = "2026-01-02T03:04:05.678Z"

func (w *writer) identity() *comatproto.SyncSubscribeRepos_Identity {
	handle := "alice.test"
	return &comatproto.SyncSubscribeRepos_Identity{Did: testDID.String(), Handle: &handle, Seq: w.next(), Time: testTime}
}

func (w *writer) account(status string) *comatproto.SyncSubscribeRepos_Account {
	a := &comatproto.SyncSubscribeRepos_Account{Did: testDID.String(), Active: status == "", Seq: w.next(), Time: testTime}
	if status != "" {
		a.Status = &status
	}
	return a
}

func (w *writer) sync() *comatproto.SyncSubscribeRepos_Sync {
	return &comatproto.SyncSubscribeRepos_Sync{Did: testDID.String(), Rev: w.rev, Blocks: w.car, Seq: w.next(), Time: testTime}
}

// change is one operation: text "" deletes.
type change struct{ path, text string }

// post is a path with a height that its number decides.
func post(n int) string { return fmt.Sprintf("app.bsky.feed.post/%s", syntax.NewTID(int64(n), 0)) }

// write makes a commit and its event. alter may change the commit before it is
// signed, and the blocks before they are put together.
func (w *writer) write(alter func(*repo.Commit, *[]blocks.Block), changes ...change) *comatproto.SyncSubscribeRepos_Commit {
	w.t.Helper()
	var ops []*comatproto.SyncSubscribeRepos_RepoOp
	var records []blocks.Block
	for _, c := range changes {
		var value *cid.Cid
		if c.text != "" {
			b := record(w.t, map[string]any{"$type": "app.bsky.feed.post", "text": c.text, "createdAt": testTime})
			records = append(records, b)
			value = pointer(b.Cid())
		}
		op, err := repo.ApplyOp(&w.tree, c.path, value)
		if err != nil {
			w.t.Fatal(err)
		}
		action := map[bool]string{op.IsCreate(): "create", op.IsUpdate(): "update", op.IsDelete(): "delete"}[true]
		ops = append(ops, &comatproto.SyncSubscribeRepos_RepoOp{
			Action: action, Path: c.path, Cid: (*lexutil.LexLink)(op.Value), Prev: (*lexutil.LexLink)(op.Prev),
		})
	}
	var n nodes
	root, err := w.tree.WriteDiffBlocks(w.t.Context(), &n)
	if err != nil {
		w.t.Fatal(err)
	}
	m := &comatproto.SyncSubscribeRepos_Commit{
		Repo: testDID.String(), Ops: ops, Seq: w.next(), Time: testTime, Blobs: []lexutil.LexLink{},
	}
	if w.rev != "" {
		since := w.rev
		m.Since, m.PrevData = &since, (*lexutil.LexLink)(pointer(w.data))
	}
	w.at++
	c := repo.Commit{DID: testDID.String(), Version: 3, Data: *root, Rev: syntax.NewTID(w.at, 0).String()}
	w.records = append(w.records, records...)
	all := append(n.blocks, records...)
	if alter != nil {
		alter(&c, &all)
	}
	m.Rev = c.Rev
	signed := w.sign(&c)
	m.Commit = lexutil.LexLink(signed.Cid())
	m.Blocks = carBytes(signed.Cid(), append([]blocks.Block{signed}, all...)...)
	w.rev, w.data, w.commit = c.Rev, c.Data, signed.Cid()
	w.car = carBytes(signed.Cid(), signed)
	return m
}

func (w *writer) sign(c *repo.Commit) blocks.Block {
	w.t.Helper()
	if c.Sig == nil {
		if err := c.Sign(w.key); err != nil {
			w.t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := c.MarshalCBOR(&b); err != nil {
		w.t.Fatal(err)
	}
	return block(w.t, b.Bytes())
}

// highS is the other signature of the same content, which the network refuses.
func highS(sig []byte) []byte {
	n, _ := new(big.Int).SetString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16)
	s := new(big.Int).Sub(n, new(big.Int).SetBytes(sig[32:]))
	return append(bytes.Clone(sig[:32]), s.FillBytes(make([]byte, 32))...)
}

func record(t *testing.T, v map[string]any) blocks.Block {
	t.Helper()
	b, err := atdata.MarshalCBOR(v)
	if err != nil {
		t.Fatal(err)
	}
	return block(t, b)
}

func block(t *testing.T, b []byte) blocks.Block {
	t.Helper()
	c, err := cid.NewPrefixV1(cid.DagCBOR, multihash.SHA2_256).Sum(b)
	if err != nil {
		t.Fatal(err)
	}
	made, err := blocks.NewBlockWithCid(b, c)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// carBytes is a CAR v1 of blocks as they are.
func carBytes(root cid.Cid, all ...blocks.Block) []byte {
	head := append([]byte{0xa2, 0x65}, "roots"...)
	head = append(head, 0x81, 0xd8, 0x2a, 0x58, byte(len(root.Bytes())+1), 0)
	head = append(head, root.Bytes()...)
	head = append(append(head, 0x67), "version"...)
	head = append(head, 1)
	out := append(binary.AppendUvarint(nil, uint64(len(head))), head...)
	for _, b := range all {
		out = binary.AppendUvarint(out, uint64(len(b.Cid().Bytes())+len(b.RawData())))
		out = append(append(out, b.Cid().Bytes()...), b.RawData()...)
	}
	return out
}

// frame is the wire form of an event.
func frame(t *testing.T, body codec) []byte {
	t.Helper()
	kinds := map[string]Kind{
		"*atproto.SyncSubscribeRepos_Commit": KindCommit, "*atproto.SyncSubscribeRepos_Sync": KindSync,
		"*atproto.SyncSubscribeRepos_Identity": KindIdentity, "*atproto.SyncSubscribeRepos_Account": KindAccount,
		"*atproto.SyncSubscribeRepos_Info": KindInfo,
	}
	b, err := canonical.Marshal(header{Op: 1, T: string(kinds[fmt.Sprintf("%T", body)])})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := body.MarshalCBOR(&out); err != nil {
		t.Fatal(err)
	}
	return append(b, out.Bytes()...)
}
