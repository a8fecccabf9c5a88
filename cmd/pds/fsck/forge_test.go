package fsck_test

import (
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/sequencing"
	"troupe/storage/car"
	"troupe/storage/dag"
)

// forgery is a commit that changes no record, appended past every decision.
type forgery struct {
	key   func(s *server) atcrypto.PrivateKey // nil: the account's
	frame func(*sequencing.CommitFrame)       // nil: as it should be
	entry func(*sequencing.Entry, *car.Block) // the same
	extra *car.Block                          // one more block
}

// forge appends one to bob's repository and returns the head it made and the commit.
func forge(t testing.TB, dir string, f forgery) (sequencing.Head, car.Block) {
	t.Helper()
	s := start(t, dir)
	defer s.stop()
	head, _, err := s.log.Head(t.Context(), bob)
	if err != nil {
		t.Fatal(err)
	}
	var key atcrypto.PrivateKey
	if f.key != nil {
		key = f.key(s)
	} else if key, err = s.vault.ReadSigningKey(s.folder(bob), bob); err != nil {
		t.Fatal(err)
	}
	rev := syntax.NewTID(head.Rev.Time().UnixMicro()+1, 0)
	block := sign(t, key, head, rev, cid.Undef)
	now := time.Now().UTC()
	blocks := car.AppendBlock(car.AppendHeader(nil, block.CID), block.CID, block.Data)
	if f.extra != nil {
		blocks = car.AppendBlock(blocks, f.extra.CID, f.extra.Data)
	}
	frame := sequencing.CommitFrame{Repo: bob, Commit: block.CID, Rev: rev, Since: head.Rev, PrevData: head.Data, Blocks: blocks, Time: now}
	if f.frame != nil {
		f.frame(&frame)
	}
	entry := sequencing.Entry{
		Kind: sequencing.KindCommit, Visibility: sequencing.Public, Frame: frame.Encode(), Time: now,
		Next: sequencing.Change{Rev: rev, Commit: block.CID, Data: head.Data},
	}
	if f.entry != nil {
		f.entry(&entry, f.extra)
	}
	return s.append(head, entry), block
}

// sign makes a commit of bob's that changes no record. prev tells two of one rev apart.
func sign(t testing.TB, key atcrypto.PrivateKey, head sequencing.Head, rev syntax.TID, prev cid.Cid) car.Block {
	t.Helper()
	object := func(sig []byte) []byte {
		n := 5
		if sig != nil {
			n = 6
		}
		b := dag.AppendText(dag.AppendText(dag.AppendMap(nil, n), "did"), bob.String())
		b = dag.AppendText(dag.AppendText(b, "rev"), rev.String())
		if sig != nil {
			b = dag.AppendBytes(dag.AppendText(b, "sig"), sig)
		}
		b = dag.AppendText(dag.AppendCID(dag.AppendText(b, "data"), head.Data), "prev")
		if prev.Defined() {
			b = dag.AppendCID(b, prev)
		} else {
			b = dag.AppendNull(b)
		}
		return dag.AppendInt(dag.AppendText(b, "version"), 3)
	}
	sig, err := key.HashAndSign(object(nil))
	if err != nil {
		t.Fatal(err)
	}
	data := object(sig)
	return car.Block{CID: dag.Sum(data), Data: data}
}

// append adds an entry of bob and returns the head.
func (s *server) append(head sequencing.Head, e sequencing.Entry) sequencing.Head {
	s.t.Helper()
	type answer struct {
		c   sequencing.Committed
		err error
	}
	done := make(chan answer, 1)
	s.log.Append(sequencing.Append{
		DID: bob, Expect: sequencing.Expect{Rev: head.Rev, Data: head.Data, Status: head.Status}, Entries: []sequencing.Entry{e},
	}, func(c sequencing.Committed, err error) { done <- answer{c, err} })
	a := <-done
	if a.err != nil {
		s.t.Fatal(a.err)
	}
	return a.c.Head
}
