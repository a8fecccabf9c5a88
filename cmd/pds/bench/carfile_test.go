package bench

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/repo"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
	carv2 "github.com/ipld/go-car/v2"
	"github.com/multiformats/go-multihash"
)

var dagCBOR = cid.NewPrefixV1(cid.DagCBOR, multihash.SHA2_256)

func sumOf(b []byte) cid.Cid {
	c, err := dagCBOR.Sum(b)
	if err != nil {
		panic(err)
	}
	return c
}

// carOf is an export of the block tree, and of others.
func carOf(key atcrypto.PrivateKey, did syntax.DID, tree []byte, others ...[]byte) []byte {
	commit := repo.Commit{DID: did.String(), Version: 3, Data: sumOf(tree), Rev: syntax.NewTIDNow(0).String()}
	var block bytes.Buffer
	if err := errors.Join(commit.Sign(key), commit.MarshalCBOR(&block)); err != nil {
		panic(err)
	}
	out := appendSection(nil, []byte(carHeadStart+sumOf(block.Bytes()).KeyString()+carHeadEnd))
	for _, b := range append([][]byte{block.Bytes(), tree}, others...) {
		out = appendSection(out, append(sumOf(b).Bytes(), b...))
	}
	return out
}

func newKey(t *testing.T) atcrypto.PrivateKey {
	t.Helper()
	key, err := atcrypto.GeneratePrivateKeyP256()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// A repository that is given to another account is still one for others: the
// new commit is its root, and the blocks are those that were there.
func TestRepositoryOfAnotherAccount(t *testing.T) {
	tree, record := []byte{0xa0}, []byte{0xa1, 0x61, 'a', 1}
	e, err := strip(bytes.NewReader(carOf(newKey(t), "did:plc:one", tree, record)))
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	for _, did := range []syntax.DID{"did:plc:two", "did:plc:three"} {
		car, size, err := e.of(did)
		if err != nil {
			t.Fatal(err)
		}
		all, err := io.ReadAll(car)
		if err != nil || int64(len(all)) != size {
			t.Fatalf("%d bytes instead of %d, %v", len(all), size, err)
		}
		r, err := carv2.NewBlockReader(bytes.NewReader(all)) // compares hashes
		if err != nil {
			t.Fatal(err)
		}
		var blocks [][]byte
		for {
			b, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(blocks) == 0 && (len(r.Roots) != 1 || r.Roots[0] != b.Cid()) {
				t.Errorf("roots %v, first block %v", r.Roots, b.Cid())
			}
			blocks = append(blocks, b.RawData())
		}
		if len(blocks) != 3 || !bytes.Equal(blocks[1], tree) || !bytes.Equal(blocks[2], record) {
			t.Fatalf("%d blocks: %x", len(blocks), blocks)
		}
		var commit repo.Commit
		if err := commit.UnmarshalCBOR(bytes.NewReader(blocks[0])); err != nil {
			t.Fatal(err)
		}
		pub, _ := e.key.PublicKey()
		if commit.DID != did.String() || commit.Data != sumOf(tree) || commit.VerifySignature(pub) != nil || commit.VerifyStructure() != nil {
			t.Errorf("%+v", commit)
		}
	}
	e.close()
	if _, err := os.Stat(e.file.Name()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file stays: %v", err)
	}
}

func TestWhatIsNoRepositoryIsNotStripped(t *testing.T) {
	whole := carOf(newKey(t), "did:plc:one", []byte{0xa0})
	for name, car := range map[string][]byte{
		"half a block":   whole[:len(whole)-1],
		"no commit":      whole[:1+int(whole[0])],
		"another header": appendSection(nil, []byte("roots")),
		"huge":           {0xff, 0xff, 0xff, 0x7f},
		"no CID":         appendSection(bytes.Clone(whole), []byte{9, 9, 9}),
	} {
		if e, err := strip(bytes.NewReader(car)); !errors.Is(err, errCAR) {
			t.Errorf("%s: %v, %v", name, e, err)
		}
	}
}
