package crashtest

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/cmd/pds/audit"
)

// someone is an account of the tests.
const someone = syntax.DID("did:plc:ewvi7nxzyoun6zhxrhs64oiz")

func TestAcknowledgementsAreReadBackAsTheyWereNoted(t *testing.T) {
	a, err := openAckLog(filepath.Join(t.TempDir(), "acks.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	c := recordCID(newMaker(1, 1).post())
	all := []audit.Write{
		{DID: someone, Ops: []audit.Op{{Action: "create", CID: c}}, Extra: true, Answer: audit.Committed, Rev: "3kaaaaaaaaa22", Commit: c},
		{DID: someone, Ops: []audit.Op{{Action: "delete", Path: "a.b.c/d"}, {Path: "a.b.c/e", CID: c}}, Answer: audit.Refused},
		{DID: someone, Answer: audit.Committed, Rev: "3kaaaaaaaaa33", Commit: c},
		{DID: someone, Answer: audit.Committed, Rev: "3kaaaaaaaaa23", Commit: c},
		{DID: someone, Answer: audit.Unanswered},
	}
	var want audit.Acks
	for _, w := range all {
		a.add(w)
		want.Add(w)
	}
	got, err := a.read()
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, &want) {
		t.Errorf("%+v", got)
	}
	if h := a.acknowledged()[someone]; h != (head{CID: c.String(), Rev: "3kaaaaaaaaa33"}) || a.commits() != 3 {
		t.Errorf("newest %+v of %d", h, a.commits())
	}
	if err := os.Truncate(a.path, 100); err != nil {
		t.Fatal(err)
	}
	if _, err := a.read(); err == nil {
		t.Error("a log that lost its end was read")
	}
	if err := a.close(); err != nil {
		t.Error(err)
	}
}

func TestNoTwoRecordsAreTheSame(t *testing.T) {
	seen := map[cid.Cid]bool{}
	keys := map[string]bool{}
	for id := range 4 {
		m := newMaker(7, id)
		for range 100 {
			for _, rec := range []map[string]any{m.post(), m.note(), m.like()} {
				if c := recordCID(rec); seen[c] {
					t.Fatalf("twice: %v", rec)
				} else {
					seen[c] = true
				}
			}
			if k := m.rkey(); keys[k] {
				t.Fatalf("twice: %s", k)
			} else if _, err := syntax.ParseTID(k); err != nil {
				t.Fatal(err)
			} else {
				keys[k] = true
			}
		}
	}
}
