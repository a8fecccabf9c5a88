package commit

import (
	"strings"
	"testing"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/repo"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/dag"
)

const (
	did = syntax.DID("did:plc:ewvi7nxzyoun6zhxrhs64oiz")
	rev = syntax.TID("3kdgeujwlq32y")
)

var data = dag.Sum([]byte{0xa0})

func signed(t *testing.T) ([]byte, atcrypto.PrivateKey) {
	t.Helper()
	key, err := atcrypto.GeneratePrivateKeyK256()
	if err != nil {
		t.Fatal(err)
	}
	block, err := Sign(did, data, rev, key)
	if err != nil {
		t.Fatal(err)
	}
	if block.CID != dag.Sum(block.Data) {
		t.Error("the CID is not the block's")
	}
	return block.Data, key
}

func TestWhatIsSignedIsReadAndVerified(t *testing.T) {
	block, key := signed(t)
	o, err := Parse(block)
	if err != nil {
		t.Fatal(err)
	}
	if o.DID != did || o.Rev != rev || o.Data != data || o.Version != Version {
		t.Errorf("read %+v", o)
	}
	public, _ := key.PublicKey()
	if err := o.Verify(public); err != nil {
		t.Error(err)
	}
	o.Sig[40] ^= 1
	if o.Verify(public) == nil {
		t.Error("a changed signature verifies")
	}
}

func TestTheFieldReadsTheSame(t *testing.T) {
	block, key := signed(t)
	var theirs repo.Commit
	if err := theirs.UnmarshalCBOR(strings.NewReader(string(block))); err != nil {
		t.Fatal(err)
	}
	public, _ := key.PublicKey()
	if err := theirs.VerifySignature(public); err != nil {
		t.Error(err)
	}
	if theirs.DID != did.String() || theirs.Rev != rev.String() || theirs.Data != data {
		t.Errorf("indigo reads %+v", theirs)
	}
}

func TestWhatIsNoCommit(t *testing.T) {
	good, _ := signed(t)
	object := func(fields int, edit func([]byte) []byte) []byte {
		b := dag.AppendMap(nil, fields)
		b = dag.AppendText(dag.AppendText(b, "did"), did.String())
		b = dag.AppendText(dag.AppendText(b, "rev"), rev.String())
		b = dag.AppendBytes(dag.AppendText(b, "sig"), make([]byte, 64))
		b = dag.AppendCID(dag.AppendText(b, "data"), data)
		return edit(b)
	}
	version := func(b []byte, v int64) []byte { return dag.AppendInt(dag.AppendText(b, "version"), v) }
	prev := func(b []byte) []byte { return dag.AppendNull(dag.AppendText(b, "prev")) }
	for name, block := range map[string][]byte{
		"nothing":         nil,
		"no map":          dag.AppendArray(nil, 0),
		"cut short":       good[:len(good)-1],
		"junk behind":     append(append([]byte(nil), good...), 0),
		"no prev":         object(5, func(b []byte) []byte { return version(b, 3) }),
		"version 4":       object(6, func(b []byte) []byte { return version(prev(b), 4) }),
		"no version":      object(5, prev),
		"a seventh field": object(7, func(b []byte) []byte { return dag.AppendNull(dag.AppendText(version(prev(b), 3), "versions")) }),
		"twice":           object(6, func(b []byte) []byte { return prev(prev(b)) }),
		"rev is no TID":   []byte(strings.Replace(string(good), rev.String(), "3kdgeujwlq32!", 1)),
	} {
		if o, err := Parse(block); err == nil {
			t.Errorf("%s: read as %+v", name, o)
		}
	}
	old := object(5, func(b []byte) []byte { return version(b, 2) })
	if o, err := Parse(old); err != nil || o.Version != 2 {
		t.Errorf("version 2 without prev: %+v, %v", o, err)
	}
}
