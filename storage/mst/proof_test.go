package mst_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	comatproto "github.com/bluesky-social/indigo/api/atproto"
	"github.com/bluesky-social/indigo/atproto/repo"
	"github.com/bluesky-social/indigo/lex/util"
	"github.com/ipfs/go-cid"

	"troupe/storage/car"
	"troupe/storage/dag"
	"troupe/storage/mst"
)

// TestProofFixtures are the commits that implementations of covering proofs are
// tested with.
func TestProofFixtures(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(indigoDir(), "atproto/repo/testdata/commit-proof-fixtures.json"))
	must(t, err)
	var fixtures []struct {
		Comment, LeafValue                string
		Keys, Adds, Dels                  []string
		RootBeforeCommit, RootAfterCommit string
		BlocksInProof                     []string
	}
	must(t, json.Unmarshal(b, &fixtures))
	if len(fixtures) < 6 {
		t.Errorf("only %d fixtures", len(fixtures))
	}
	for _, f := range fixtures {
		t.Run(f.Comment, func(t *testing.T) {
			if f.LeafValue != leaf {
				t.Fatalf("records are %s", f.LeafValue)
			}
			before := of(t, f.Keys...)
			if before.Root().String() != f.RootBeforeCommit {
				t.Fatalf("before: %s", before.Root())
			}
			v := decodeCID(t, leaf)
			var ops []mst.Op
			e := before.Edit()
			for _, k := range f.Adds {
				must(t, e.Create(k, v))
				ops = append(ops, mst.Op{Key: k, Value: v})
			}
			for _, k := range f.Dels {
				_, err := e.Delete(k)
				must(t, err)
				ops = append(ops, mst.Op{Key: k, Prev: v})
			}
			after := finish(t, e)
			if after.Root().String() != f.RootAfterCommit {
				t.Fatalf("after: %s", after.Root())
			}
			proof, err := after.Proof(slices.Concat(f.Adds, f.Dels)...)
			must(t, err)
			event := newBlocks(proof)
			for _, c := range f.BlocksInProof {
				if event.m[decodeCID(t, c)] == nil {
					t.Errorf("the proof lacks %s", c)
				}
			}
			if len(event.m) != len(proof) {
				t.Errorf("%d blocks, %d different ones", len(proof), len(event.m))
			}
			invert(t, after.Root(), event, ops, before.Root())
			invertTheirs(t, after.Root(), event, ops, before.Root())
		})
	}
}

// TestFirehoseFixtures inverts commits as they came over the network. None says
// what the previous root was; those whose blocks do not cover their operations
// must be told apart from false ones.
func TestFirehoseFixtures(t *testing.T) {
	for file, covered := range map[string]bool{
		"firehose_commit_4623075231.json": true,
		"firehose_commit_4621317030.json": false,
		"firehose_commit_4621317332.json": false,
		"firehose_commit_4621332152.json": false,
	} {
		b, err := os.ReadFile(filepath.Join(indigoDir(), "atproto/repo/testdata", file))
		must(t, err)
		var msg comatproto.SyncSubscribeRepos_Commit
		must(t, json.Unmarshal(b, &msg))
		commit, theirs, err := repo.LoadRepoFromCAR(context.Background(), bytes.NewReader(msg.Blocks))
		must(t, err)
		_, bs, err := car.ReadAll(msg.Blocks)
		must(t, err)
		tree := mst.Load(commit.Data, newBlocks(bs))
		var ops []mst.Op
		keys := []string{}
		for _, op := range msg.Ops {
			ops = append(ops, mst.Op{Key: op.Path, Value: cid.Cid(*op.Cid)})
			keys = append(keys, op.Path)
			if got, found, err := tree.Get(op.Path); err != nil || !found || got != cid.Cid(*op.Cid) {
				t.Errorf("%s: %s is %s, %v, %v", file, op.Path, got, found, err)
			}
		}
		before, err := mst.Invert(tree, ops)
		if !covered {
			if !errors.Is(err, mst.ErrMissing) {
				t.Errorf("%s: %v", file, err)
			}
			if _, err := tree.Proof(keys...); !errors.Is(err, mst.ErrMissing) {
				t.Errorf("%s: it proves all the same: %v", file, err)
			}
			continue
		}
		must(t, err)
		for _, op := range ops {
			must(t, repo.InvertOp(&theirs.MST, theirOp(op)))
		}
		want, err := theirs.MST.RootCID()
		must(t, err)
		if before.Root() != *want {
			t.Errorf("%s: inverted to %s, indigo to %s", file, before.Root(), want)
		}
	}
}

// TestEventsPassVerification sends commits to indigo's verifier of whole events,
// which is what relays run, with no block but the proof's and the records'.
func TestEventsPassVerification(t *testing.T) {
	keys := postKeys(400)
	tree, _ := build(t, keys[:300]...)
	next := 1000
	for round := range 40 {
		e := tree.Edit()
		var ops []*comatproto.SyncSubscribeRepos_RepoOp
		var records []car.Block
		touched := []string{}
		for i := range 1 + round%6 {
			k := keys[(round*37+i*101)%len(keys)]
			if slices.Contains(touched, k) {
				continue
			}
			touched = append(touched, k)
			op := &comatproto.SyncSubscribeRepos_RepoOp{Path: k}
			ops = append(ops, op)
			was, found, err := e.Get(k)
			must(t, err)
			if found {
				op.Prev = (*util.LexLink)(&was)
			}
			if found && i%2 == 0 {
				op.Action = "delete"
				_, err = e.Delete(k)
				must(t, err)
				continue
			}
			next++
			block := car.Block{CID: record(next), Data: recordBlock(next)}
			records = append(records, block)
			op.Cid = (*util.LexLink)(&block.CID)
			if op.Action = "create"; found {
				op.Action = "update"
				_, err = e.Update(k, block.CID)
				must(t, err)
			} else {
				must(t, e.Create(k, block.CID))
			}
		}
		before := tree.Root()
		tree = finish(t, e)
		proof, err := tree.Proof(touched...)
		must(t, err)

		commit := repo.Commit{DID: "did:plc:ewvi7nxzyoun6zhxrhs64oiz", Version: 3, Data: tree.Root(), Rev: "3jqfcqzm3fo2j", Sig: make([]byte, 64)}
		var b bytes.Buffer
		must(t, commit.MarshalCBOR(&b))
		root := dag.Sum(b.Bytes())
		blocks := car.AppendBlock(car.AppendHeader(nil, root), root, b.Bytes())
		for _, block := range slices.Concat(proof, records) {
			blocks = car.AppendBlock(blocks, block.CID, block.Data)
		}
		_, err = repo.VerifyCommitMessage(context.Background(), &comatproto.SyncSubscribeRepos_Commit{
			Repo: commit.DID, Rev: commit.Rev, Time: "2026-01-02T03:04:05.678Z",
			Commit: util.LexLink(root), PrevData: (*util.LexLink)(&before), Blocks: blocks, Ops: ops,
		})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
}

// TestPathProves that a key is in the tree or not to someone who has nothing but
// the root and the blocks.
func TestPathProves(t *testing.T) {
	keys := pool()
	tree, _ := build(t, keys[:len(keys)/2]...)
	for i, k := range keys {
		bs := path(t, tree.Forget(), k)
		if bs[0].CID != tree.Root() {
			t.Fatal("a path does not start at the root")
		}
		got, found, err := mst.Load(tree.Root(), newBlocks(bs)).Get(k)
		must(t, err)
		if found != (i < len(keys)/2) || found && got != record(i) {
			t.Errorf("%s: %s, %v", k, got, found)
		}
		// No block is for nothing.
		for j := range bs {
			less := newBlocks(slices.Concat(bs[:j], bs[j+1:]))
			if err := second(mst.Load(tree.Root(), less).Get(k)); !errors.Is(err, mst.ErrMissing) {
				t.Errorf("%s: block %d of %d is not needed: %v", k, j, len(bs), err)
			}
		}
		// Who searches without regard to heights needs no more, as long as he
		// needs no more than the way down to the last node.
		theirs := partial(t, newBlocks(bs), tree.Root())
		c, err := theirs.Get([]byte(k))
		must(t, err)
		if (c != nil) != found {
			t.Errorf("%s: indigo finds %v", k, c)
		}
	}
}

// TestProofHasTheNeighbours of every key, in the tree or not.
func TestProofHasTheNeighbours(t *testing.T) {
	keys := slices.Clone(pool())
	in := map[string]bool{}
	var list []string
	for i, k := range keys {
		if i%3 > 0 {
			in[k] = true
			list = append(list, k)
		}
	}
	tree, _ := build(t, list...)
	slices.Sort(list)
	for _, k := range keys {
		proof, err := tree.Forget().Proof(k)
		must(t, err)
		event := mst.Load(tree.Root(), newBlocks(proof))
		i, _ := slices.BinarySearch(list, k)
		j := i
		if in[k] {
			j++
		}
		for _, at := range []int{i - 1, j} {
			if at < 0 || at >= len(list) {
				continue
			}
			if _, found, err := event.Get(list[at]); err != nil || !found {
				t.Errorf("proof of %s: neighbour %s: %v, %v", k, list[at], found, err)
			}
		}
		if _, found, err := event.Get(k); err != nil || found != in[k] {
			t.Errorf("proof of %s: %v, %v", k, found, err)
		}
	}
}

func TestInvertRefuses(t *testing.T) {
	keys := pool()
	tree, _ := build(t, keys[:10]...)
	v := record(0)
	for _, tt := range []struct {
		name string
		ops  []mst.Op
		want error
	}{
		{"nothing", []mst.Op{{Key: keys[0]}}, mst.ErrInvalid},
		{"no change", []mst.Op{{Key: keys[0], Value: v, Prev: v}}, mst.ErrInvalid},
		{"twice", []mst.Op{{Key: keys[0], Value: v}, {Key: keys[0], Prev: v}}, mst.ErrInvalid},
		{"creation of another value", []mst.Op{{Key: keys[0], Value: record(1)}}, mst.ErrInvalid},
		{"update to another value", []mst.Op{{Key: keys[0], Value: record(1), Prev: v}}, mst.ErrInvalid},
		{"creation of what is not there", []mst.Op{{Key: keys[20], Value: v}}, mst.ErrKeyAbsent},
		{"update of what is not there", []mst.Op{{Key: keys[20], Value: v, Prev: record(1)}}, mst.ErrKeyAbsent},
		{"deletion of what is there", []mst.Op{{Key: keys[0], Prev: v}}, mst.ErrKeyExists},
		{"deletion of no path", []mst.Op{{Key: "x", Prev: v}}, mst.ErrKey},
	} {
		if _, err := mst.Invert(tree, tt.ops); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	if got := content(t, tree); len(got) != 10 {
		t.Errorf("%d keys are left", len(got))
	}
	same, err := mst.Invert(tree, nil)
	if err != nil || same.Root() != tree.Root() {
		t.Errorf("no operations: %v", err)
	}
}

// TestProofBeside leaves out exactly the nodes that are at hand.
func TestProofBeside(t *testing.T) {
	keys := pool()
	tree, _ := build(t, keys[:len(keys)/2]...)
	for i, k := range keys[len(keys)/2:] {
		e := tree.Edit()
		must(t, e.Create(k, record(i)))
		after, changed, err := e.Finish()
		must(t, err)
		whole, err := after.Proof(k)
		must(t, err)
		rest, err := after.ProofBeside(changed.New, k)
		must(t, err)
		want := slices.DeleteFunc(whole, func(b car.Block) bool {
			return slices.ContainsFunc(changed.New, func(n car.Block) bool { return n.CID == b.CID })
		})
		if len(want)+len(changed.New) == 0 || !slices.EqualFunc(rest, want, func(a, b car.Block) bool {
			return a.CID == b.CID && bytes.Equal(a.Data, b.Data)
		}) {
			t.Fatalf("%s: %d blocks beside %d, want %d", k, len(rest), len(changed.New), len(want))
		}
		tree = after
	}
	if _, err := tree.ProofBeside([]car.Block{{}}, keys[0]); err == nil {
		t.Error("a block without a CID was taken")
	}
}
