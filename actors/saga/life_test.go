package saga

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/actors/account"
	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/cmd/pds/fsck"
	"troupe/sequencing"
	"troupe/storage/accountdb"
	"troupe/storage/blob"
	"troupe/storage/dag"
	"troupe/storage/keys"
)

// tellTo asks for a story, and waits for its end.
func tellTo[R any, M mailbox.Message[*Sagas, R]](w *world, m M) (R, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return mailbox.Ask(ctx, w.sagas.Address(), m)
}

func (w *world) delete(did syntax.DID) error {
	_, err := tellTo(w, Delete{DID: did})
	return err
}

// resident signs somebody up who has records, a blob, sessions, an app password
// and a code by mail.
func (w *world) resident(name string) syntax.DID {
	w.t.Helper()
	s, err := w.signUp(person(name))
	if err != nil {
		w.t.Fatal(err)
	}
	did := s.Account.DID
	for i := range 3 {
		if err := w.write(did, i); err != nil {
			w.t.Fatal(err)
		}
	}
	bytes := []byte("blob of " + name)
	w.must(w.blobs.Put(context.Background(), did, dag.SumRaw(bytes), int64(len(bytes)), reader(bytes)))
	_, err = mailbox.Ask(context.Background(), w.accounts.Address(), account.CreateAppPassword{DID: did, Name: "one", Password: "x"})
	w.must(err)
	_, err = mailbox.Ask(context.Background(), w.accounts.Address(), account.IssueToken{DID: did, Purpose: account.PurposeDeleteAccount})
	w.must(err)
	w.cached.Store(did, true)
	return did
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) write(did syntax.DID, n int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	record := dag.AppendMap(nil, 2)
	record = dag.AppendInt(dag.AppendText(record, "n"), int64(n))
	record = dag.AppendText(dag.AppendText(record, "$type"), "com.example.item")
	_, err := mailbox.Ask(ctx, w.repos.Of(did.String()), repo.ApplyWrites{Writes: []repo.Write{{
		Action: sequencing.ActionCreate, Collection: "com.example.item", RKey: syntax.RecordKey(fmt.Sprintf("k%d", n)),
		Record: dag.Record{CID: dag.Sum(record), Bytes: record},
	}}})
	return err
}

// events are the entries that the log has of a DID; internal ones in brackets.
func (w *world) events(did syntax.DID) (all string) {
	w.t.Helper()
	w.must(w.log.Replay(context.Background(), did, 0, func(e sequencing.Event) error {
		name := e.Kind.String()
		if frame, _, err := sequencing.DecodeFrame(e.Frame); err == nil {
			if f, ok := frame.(sequencing.AccountFrame); ok {
				name = f.Status.String()
			}
		}
		if e.Visibility == sequencing.Internal {
			name = "(" + name + ")"
		}
		all += name + " "
		return nil
	}))
	return all
}

func (w *world) head(did syntax.DID) sequencing.Head {
	w.t.Helper()
	head, _, err := w.log.Head(context.Background(), did)
	w.must(err)
	return head
}

func (w *world) folder(did syntax.DID) string {
	return keys.ActorDir(filepath.Join(w.dir, "actors"), did)
}

// gone checks that nothing is left of an account but its tombstone.
func (w *world) gone(did syntax.DID) {
	w.t.Helper()
	if a, ok := w.index.ByDID(did); ok {
		w.t.Errorf("index has %+v", a)
	}
	if h := w.head(did); h.Status != sequencing.StatusDeleted || h.Applied != h.Seq {
		w.t.Errorf("head %+v", h)
	}
	if got := w.events(did); got != "deleted " {
		w.t.Errorf("log has %q", got)
	}
	if _, err := os.Lstat(w.folder(did)); !os.IsNotExist(err) {
		w.t.Errorf("folder: %v", err)
	}
	for b, err := range w.blobs.List(context.Background(), did, cid.Undef) {
		w.t.Errorf("blob %v, %v", b, err)
	}
	if _, ok := w.cached.Load(did); ok {
		w.t.Error("is still cached")
	}
	if err := w.write(did, 99); err == nil {
		w.t.Error("takes a write")
	}
	if left := w.unfinished(); len(left) > 0 {
		w.t.Errorf("unfinished %+v", left)
	}
	w.rowless(did)
}

// rowless checks that account.sqlite has forgotten a DID.
func (w *world) rowless(did syntax.DID) {
	w.t.Helper()
	db, err := accountdb.Open(context.Background(), filepath.Join(w.dir, accountdb.FileName), accountdb.Options{ReadOnly: true})
	w.must(err)
	defer db.Close()
	w.must(db.Read(context.Background(), func(r *accountdb.Reader) error {
		tables, err := r.Mentions(did)
		if len(tables) > 0 {
			w.t.Errorf("still in %v", tables)
		}
		return err
	}))
}

// trash is what waits to be unlinked.
func (w *world) trash() []os.DirEntry {
	all, _ := os.ReadDir(filepath.Join(w.dir, "actors", TrashName))
	return all
}

// sound runs fsck over what a process left.
func (w *world) sound() {
	w.t.Helper()
	_, err := fsck.Check(context.Background(), fsck.Options{
		Data: w.dir, Sequencer: filepath.Join(w.dir, "sequencer.sqlite"), Accounts: filepath.Join(w.dir, accountdb.FileName),
		DIDCache: filepath.Join(w.dir, "did_cache.sqlite"), LexiconCache: filepath.Join(w.dir, "lexicon_cache.sqlite"),
		Actors: filepath.Join(w.dir, "actors"), KEK: filepath.Join(w.dir, "keys", "kek"),
		Found: func(f fsck.Finding) { w.t.Errorf("fsck: %s", f) }, Workers: 2,
	})
	if err != nil {
		w.t.Error(err)
	}
}

func reader(b []byte) *bytes.Reader { return bytes.NewReader(b) }

// stubborn is a store that does not give accounts away while broken.
type stubborn struct {
	blob.Store
	broken *atomic.Bool
}

func (s stubborn) DeleteAccount(ctx context.Context, did syntax.DID) error {
	if s.broken.Load() {
		return blob.ErrUnavailable
	}
	return s.Store.DeleteAccount(ctx, did)
}
