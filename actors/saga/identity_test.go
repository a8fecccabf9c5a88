package saga

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/did-method-plc/go-didplc/didplc"
	"github.com/ipfs/go-cid"

	"troupe/actors/account"
	"troupe/actors/identity/plc"
	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/sequencing"
	"troupe/storage/commit"
	"troupe/storage/dag"
	"troupe/storage/keys"
)

// asked asks for a story that is answered with nothing but success.
func asked[M mailbox.Message[*Sagas, Done]](w *world, m M) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, err := mailbox.Ask(ctx, w.sagas.Address(), m)
	return err
}

// born signs somebody up.
func (w *world) born(name string) syntax.DID {
	w.t.Helper()
	s, err := w.signUp(person(name))
	if err != nil {
		w.t.Fatal(err)
	}
	return s.Account.DID
}

// last is the newest operation of a DID.
func (d *directory) last(t *testing.T, did syntax.DID) *didplc.RegularOp {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	ops := d.ops[did.String()]
	op, err := plc.Parse(ops[len(ops)-1])
	if err != nil {
		t.Fatal(err)
	}
	return op.(*didplc.RegularOp)
}

func (w *world) told(did syntax.DID) string {
	w.t.Helper()
	all := ""
	err := w.log.Replay(context.Background(), did, 0, func(e sequencing.Event) error {
		if e.Visibility == sequencing.Public {
			all += e.Kind.String() + " "
		} else {
			all += "(" + e.Kind.String() + ") "
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// agrees checks that everybody says the same about an account: the directory, the
// index, the account's key, and the signature of its head; and that it can write.
func (w *world) agrees(did syntax.DID, handle syntax.Handle) {
	w.t.Helper()
	if a, _ := w.index.ByDID(did); a.Handle != handle {
		w.t.Errorf("the index has %s, want %s", a.Handle, handle)
	}
	key, err := mailbox.Ask(context.Background(), w.repos.Of(did.String()), repo.SigningKey{})
	if err != nil {
		w.t.Fatal(err)
	}
	if did.Method() == "plc" {
		op := w.plc.last(w.t, did)
		if op.AlsoKnownAs[0] != "at://"+handle.String() || op.VerificationMethods["atproto"] != key {
			w.t.Errorf("the directory has %v %v; the account %s %s", op.AlsoKnownAs, op.VerificationMethods, handle, key)
		}
	}
	head, _, err := w.log.Head(context.Background(), did)
	if err != nil {
		w.t.Fatal(err)
	}
	blocks, err := mailbox.Ask(context.Background(), w.repos.Of(did.String()), repo.GetBlocks{CIDs: []cid.Cid{head.Commit}})
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := commit.Parse(blocks[0].Data)
	if err != nil {
		w.t.Fatal(err)
	}
	public, err := atcrypto.ParsePublicDIDKey(key)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := c.Verify(public); err != nil {
		w.t.Errorf("the head is not signed by the account's key: %v", err)
	}
	held, err := w.vault.Inspect(keys.ActorDir(filepath.Join(w.dir, "actors"), did), did)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, k := range held {
		if k.Name == "key.next" {
			w.t.Error("a key is still staged")
		}
	}
	if left := w.unfinished(); len(left) > 0 {
		w.t.Errorf("unfinished %+v", left)
	}
}

const complete = "identity account commit sync "

func TestChangeHandle(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.born("alice"), w.born("bobby")
	for _, c := range []struct {
		m    ChangeHandle
		want error
	}{
		{ChangeHandle{DID: "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa", Handle: "carol.pds.test"}, account.ErrNotFound},
		{ChangeHandle{DID: alice, Handle: "al.pds.test"}, account.ErrHandleShort},
		{ChangeHandle{DID: alice, Handle: "admin.pds.test"}, account.ErrHandleNotAvailable},
		{ChangeHandle{DID: alice, Handle: "bobby.pds.test"}, account.ErrHandleTaken},
		{ChangeHandle{DID: alice, Handle: "alice.elsewhere.org"}, account.ErrUnsupportedDomain}, // nobody resolves here
	} {
		if err := asked(w, c.m); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.m.Handle, err)
		}
	}
	w.agrees(alice, "alice.pds.test")
	if err := asked(w, ChangeHandle{DID: alice, Handle: "Carol.PDS.test"}); err != nil {
		t.Fatal(err)
	}
	w.agrees(alice, "carol.pds.test")
	// The name is free again, and in use again.
	if err := asked(w, ChangeHandle{DID: bob, Handle: "alice.pds.test"}); err != nil {
		t.Fatal(err)
	}
	if err := asked(w, ChangeHandle{DID: alice, Handle: "alice.pds.test"}); !errors.Is(err, account.ErrHandleTaken) {
		t.Errorf("taken: %v", err)
	}
	// The same again: no operation, and an event all the same.
	sent := w.plc.submissions()
	if err := asked(w, ChangeHandle{DID: alice, Handle: "carol.pds.test"}); err != nil || w.plc.submissions() != sent {
		t.Errorf("%v, %d operations", err, w.plc.submissions()-sent)
	}
	if got := w.told(alice); got != complete+"identity identity " {
		t.Error(got)
	}
	// What the operator gave may be kept.
	if err := asked(w, ChangeHandle{DID: alice, Handle: "admin.pds.test", Admin: true}); err != nil {
		t.Fatal(err)
	}
	if err := asked(w, ChangeHandle{DID: alice, Handle: "admin.pds.test"}); err != nil {
		t.Errorf("kept: %v", err)
	}
	w.agrees(alice, "admin.pds.test")
	w.agrees(bob, "alice.pds.test")
}

// The directory's own words reach the person, and the name is free again.
func TestChangeHandleIsRefused(t *testing.T) {
	w := newWorld(t, impatient)
	alice := w.born("alice")
	w.plc.mode.Store(refuses)
	err := asked(w, ChangeHandle{DID: alice, Handle: "carol.pds.test"})
	var rejected *plc.RejectedError
	if !errors.Is(err, ErrRefused) || !errors.As(err, &rejected) || rejected.Message != "no such luck" {
		t.Errorf("refused: %v", err)
	}
	w.plc.mode.Store(down)
	if err := asked(w, ChangeHandle{DID: alice, Handle: "carol.pds.test"}); !errors.Is(err, plc.ErrUnavailable) {
		t.Errorf("not even to be read: %v", err)
	}
	w.plc.mode.Store(answers)
	w.agrees(alice, "alice.pds.test")
	if _, err := w.signUp(person("carol")); err != nil {
		t.Errorf("the name is not free: %v", err)
	}
}

// Of many who want the same handle at once, one gets it.
func TestOneWinsAHandle(t *testing.T) {
	w := newWorld(t, nil)
	const n = 64
	dids := make([]syntax.DID, n)
	var all sync.WaitGroup
	for i := range dids {
		all.Go(func() { dids[i] = w.born(fmt.Sprintf("person%d", i)) })
	}
	all.Wait()
	won := make([]error, n)
	for i, did := range dids {
		all.Go(func() { won[i] = asked(w, ChangeHandle{DID: did, Handle: "wanted.pds.test"}) })
	}
	all.Wait()
	winners := 0
	for i, did := range dids {
		switch {
		case won[i] == nil:
			winners++
			w.agrees(did, "wanted.pds.test")
		case errors.Is(won[i], account.ErrHandleTaken):
			w.agrees(did, syntax.Handle(fmt.Sprintf("person%d.pds.test", i)))
		default:
			t.Error(won[i])
		}
	}
	if winners != 1 {
		t.Errorf("%d winners", winners)
	}
}

// A process dies anywhere in a change of the identity. The next one finds out
// what the world knows and follows it, or nothing has happened.
func TestCrashOfAnIdentity(t *testing.T) {
	type kind struct {
		ask    func(*world, syntax.DID) error
		done   func(*world, syntax.DID) bool
		handle syntax.Handle // afterwards
	}
	handle := kind{
		func(w *world, did syntax.DID) error {
			return asked(w, ChangeHandle{DID: did, Handle: "carol.pds.test"})
		},
		func(w *world, did syntax.DID) bool {
			return w.plc.last(w.t, did).AlsoKnownAs[0] == "at://carol.pds.test"
		},
		"carol.pds.test",
	}
	rotate := kind{
		func(w *world, did syntax.DID) error { return asked(w, RotateKey{DID: did}) },
		func(w *world, did syntax.DID) bool { return w.plc.last(w.t, did).Prev != nil },
		"alice.pds.test",
	}
	submit := kind{
		func(w *world, did syntax.DID) error { return asked(w, SubmitPLC{DID: did, Op: w.signed(did, nil)}) },
		func(w *world, did syntax.DID) bool { return w.plc.last(w.t, did).Prev != nil },
		"alice.pds.test",
	}
	for _, c := range []struct {
		name  string
		kind  kind
		point string
		mode  int32
		done  bool
	}{
		{"handle", handle, "reserve", answers, false},
		{"handle", handle, "reserved", answers, false},
		{"handle", handle, "sending", answers, false},
		{"handle", handle, "sent", answers, true},
		{"handle", handle, "sent", refuses, false},
		{"handle", handle, "undo", refuses, false},
		{"handle", handle, "announced", answers, true},
		{"handle", handle, "ended", answers, true},
		{"rotate", rotate, "reserved", answers, false},
		{"rotate", rotate, "staged", answers, false},
		{"rotate", rotate, "sending", answers, false},
		{"rotate", rotate, "sent", answers, true},
		{"rotate", rotate, "sent", refuses, false},
		{"rotate", rotate, "undo", refuses, false},
		{"rotate", rotate, "undone", refuses, false},
		{"rotate", rotate, "adopted", answers, true},
		{"rotate", rotate, "ended", answers, true},
		{"submit", submit, "reserved", answers, false},
		{"submit", submit, "sending", answers, false},
		{"submit", submit, "sent", answers, true},
		{"submit", submit, "sent", refuses, false},
		{"submit", submit, "announced", answers, true},
		{"submit", submit, "ended", answers, true},
	} {
		t.Run(fmt.Sprintf("%s, %s, mode %d", c.name, c.point, c.mode), func(t *testing.T) {
			w, crash := crashing(t)
			did := w.born("alice")
			w.plc.mode.Store(c.mode)
			crash.at(c.point)
			if err := c.kind.ask(w, did); !errors.Is(err, mailbox.ErrCrashed) {
				t.Fatalf("did not crash: %v", err)
			}
			w.restart(crash)
			w.clock.Add((3 * time.Minute).Microseconds())
			w.settled()
			want := syntax.Handle("alice.pds.test")
			if c.done {
				want = c.kind.handle
			}
			if c.kind.done(w, did) != c.done {
				t.Errorf("done: %v", !c.done)
			}
			w.agrees(did, want)
			if c.done && !strings.Contains(strings.TrimPrefix(w.told(did), complete), "identity") {
				t.Errorf("nobody was told: %s", w.told(did))
			}
			w.writable(did)
			if err := c.kind.ask(w, did); err != nil {
				t.Errorf("again: %v", err)
			}
			w.agrees(did, c.kind.handle)
			w.writable(did)
		})
	}
}

// The directory takes an operation and its answer is lost, or it does not take it
// and cannot say so: the client is told that nobody knows, nothing is guessed, and
// what the directory says later counts.
func TestUnknownOutcomeOfAChange(t *testing.T) {
	for _, mode := range []int32{swallows, down} {
		for name, ask := range map[string]func(*world, syntax.DID, json.RawMessage) error{
			"handle": func(w *world, did syntax.DID, _ json.RawMessage) error {
				return asked(w, ChangeHandle{DID: did, Handle: "carol.pds.test"})
			},
			"rotate": func(w *world, did syntax.DID, _ json.RawMessage) error { return asked(w, RotateKey{DID: did}) },
			"submit": func(w *world, did syntax.DID, op json.RawMessage) error {
				return asked(w, SubmitPLC{DID: did, Op: op})
			},
		} {
			t.Run(fmt.Sprintf("%s, mode %d", name, mode), func(t *testing.T) {
				w := newWorld(t, impatient)
				did := w.born("alice")
				op := w.signed(did, nil)
				w.plc.onPost.Store(mode) // it can be read until then
				if err := ask(w, did, op); !errors.Is(err, ErrUnconfirmed) {
					t.Fatalf("answered %v", err)
				}
				if name == "rotate" {
					if err := w.tryWrite(did); !errors.Is(err, repo.ErrRotating) {
						t.Errorf("a write while nobody knows the key: %v", err)
					}
				}
				if err := ask(w, did, op); err != nil && !errors.Is(err, ErrBusyAccount) && !errors.Is(err, ErrUnconfirmed) {
					t.Errorf("meanwhile: %v", err)
				}
				w.plc.onPost.Store(answers)
				w.plc.mode.Store(answers)
				w.clock.Add((3 * time.Minute).Microseconds())
				w.settled()
				want := syntax.Handle("alice.pds.test")
				if name == "handle" && mode == swallows {
					want = "carol.pds.test"
				}
				w.agrees(did, want)
				w.writable(did)
				if changed := w.plc.last(t, did).Prev != nil; changed != (mode == swallows) {
					t.Errorf("the directory has it: %v", changed)
				}
			})
		}
	}
}

// signed is an operation that changes nothing unless change does.
func (w *world) signed(did syntax.DID, change func(*didplc.RegularOp)) json.RawMessage {
	w.t.Helper()
	next, err := plc.Next(w.plc.last(w.t, did))
	if err != nil {
		w.t.Fatal(err)
	}
	if change != nil {
		change(next)
	}
	op, err := plc.Sign(next, w.rotate)
	if err != nil {
		w.t.Fatal(err)
	}
	return op
}

func (w *world) tryWrite(did syntax.DID) error {
	rec, err := dag.FromJSON([]byte(`{"$type":"com.example.item","n":1}`), dag.RecordLimits)
	if err != nil {
		w.t.Fatal(err)
	}
	_, err = mailbox.Ask(context.Background(), w.repos.Of(did.String()), repo.ApplyWrites{Writes: []repo.Write{{Action: sequencing.ActionCreate, Collection: "com.example.item", Record: rec}}})
	return err
}

func (w *world) writable(did syntax.DID) {
	w.t.Helper()
	if err := w.tryWrite(did); err != nil {
		w.t.Error(err)
	}
}

func TestSubmitPLC(t *testing.T) {
	w := newWorld(t, nil)
	did := w.born("alice")
	other, err := atcrypto.GeneratePrivateKeyK256()
	if err != nil {
		t.Fatal(err)
	}
	pub, _ := other.PublicKey()
	for reason, op := range map[string]json.RawMessage{
		"Invalid operation": json.RawMessage(`{"type":"plc_tombstone","prev":"x","sig":"y"}`),
		"Rotation keys do not include server's rotation key": w.signed(did, func(op *didplc.RegularOp) { op.RotationKeys = []string{pub.DIDKey()} }),
		"Incorrect type on atproto_pds service": w.signed(did, func(op *didplc.RegularOp) {
			op.Services["atproto_pds"] = didplc.OpService{Type: "Other", Endpoint: "https://pds.test"}
		}),
		"Incorrect endpoint on atproto_pds service": w.signed(did, func(op *didplc.RegularOp) {
			op.Services["atproto_pds"] = didplc.OpService{Type: plc.ServiceType, Endpoint: "https://other.test"}
		}),
		"Incorrect signing key":           w.signed(did, func(op *didplc.RegularOp) { op.VerificationMethods["atproto"] = pub.DIDKey() }),
		"Incorrect handle in alsoKnownAs": w.signed(did, func(op *didplc.RegularOp) { op.AlsoKnownAs = []string{"at://mallory.pds.test"} }),
	} {
		var bad BadOperation
		if err := asked(w, SubmitPLC{DID: did, Op: op}); !errors.As(err, &bad) || bad.Reason != reason {
			t.Errorf("%s: %v", reason, err)
		}
	}
	if got := w.told(did); got != complete {
		t.Error(got)
	}
	op := w.signed(did, func(op *didplc.RegularOp) { op.RotationKeys = append([]string{pub.DIDKey()}, op.RotationKeys...) })
	if err := asked(w, SubmitPLC{DID: did, Op: op}); err != nil {
		t.Fatal(err)
	}
	if got := w.told(did); got != complete+"identity " {
		t.Error(got)
	}
	w.agrees(did, "alice.pds.test")
}

func TestRotateKey(t *testing.T) {
	w := newWorld(t, nil)
	did := w.born("alice")
	before := w.plc.last(t, did).VerificationMethods["atproto"]
	if err := asked(w, RotateKey{DID: did, Key: "did:key:zQ3shNobody"}); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("a key that nobody reserved: %v", err)
	}
	if err := asked(w, RotateKey{DID: "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"}); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
	reserved := w.vault.Reserved(filepath.Join(w.dir, "actors"), 10)
	key, err := reserved.Reserve(did)
	if err != nil {
		t.Fatal(err)
	}
	if err := asked(w, RotateKey{DID: did, Key: key.DIDKey()}); err != nil {
		t.Fatal(err)
	}
	w.agrees(did, "alice.pds.test")
	if now := w.plc.last(t, did).VerificationMethods["atproto"]; now != key.DIDKey() || now == before {
		t.Errorf("the directory has %s", now)
	}
	if _, err := reserved.For(did); !errors.Is(err, keys.ErrNoKey) {
		t.Errorf("still reserved: %v", err)
	}
	if got := w.told(did); got != complete+"(commit) identity sync " {
		t.Error(got)
	}
	// The same key again only makes it known again.
	if err := asked(w, RotateKey{DID: did, Key: key.DIDKey()}); err != nil {
		t.Fatal(err)
	}
	if got := w.told(did); got != complete+"(commit) identity sync identity sync " {
		t.Error(got)
	}
	w.writable(did)
}

// Somebody changed the key in the directory: it is brought back to the one that
// signs here.
func TestRotateKeyPublishesTheKey(t *testing.T) {
	w := newWorld(t, nil)
	did := w.born("alice")
	key := w.plc.last(t, did).VerificationMethods["atproto"]
	stranger, _ := atcrypto.GeneratePrivateKeyK256()
	pub, _ := stranger.PublicKey()
	op := w.signed(did, func(op *didplc.RegularOp) { op.VerificationMethods["atproto"] = pub.DIDKey() })
	w.plc.mu.Lock()
	w.plc.ops[did.String()] = append(w.plc.ops[did.String()], op)
	w.plc.mu.Unlock()
	if err := asked(w, RotateKey{DID: did, Key: key}); err != nil {
		t.Fatal(err)
	}
	w.agrees(did, "alice.pds.test")
}

// A did:web is its owner's: the document says it first.
func TestChangesOfABroughtDIDWeb(t *testing.T) {
	w := newWorld(t, nil)
	m := person("alice")
	m.DID = "did:web:brought.test.example.com"
	if _, err := w.signUp(m); err != nil {
		t.Fatal(err)
	}
	says := func(handle, key string) {
		w.hosts.put("brought.test.example.com", fmt.Sprintf(`{"id":%q,"alsoKnownAs":["at://%s"],"verificationMethod":[{"id":"%s#atproto","type":"Multikey","controller":%q,"publicKeyMultibase":%q}],"service":[]}`,
			m.DID, handle, m.DID, m.DID, strings.TrimPrefix(key, "did:key:")))
	}
	reserved, err := w.vault.Reserved(filepath.Join(w.dir, "actors"), 10).Reserve(m.DID)
	if err != nil {
		t.Fatal(err)
	}
	key := reserved.DIDKey()
	if err := asked(w, ChangeHandle{DID: m.DID, Handle: "carol.pds.test"}); err == nil {
		t.Error("changed without a document")
	}
	says("alice.pds.test", "did:key:zQ3shNothing")
	if err := asked(w, ChangeHandle{DID: m.DID, Handle: "carol.pds.test"}); !errors.Is(err, ErrNotConfigured) {
		t.Errorf("not in the document: %v", err)
	}
	if err := asked(w, RotateKey{DID: m.DID, Key: key}); !errors.Is(err, ErrNotConfigured) {
		t.Errorf("not in the document: %v", err)
	}
	w.agrees(m.DID, "alice.pds.test")
	says("carol.pds.test", key)
	if err := asked(w, ChangeHandle{DID: m.DID, Handle: "carol.pds.test"}); err != nil {
		t.Error(err)
	}
	if err := asked(w, RotateKey{DID: m.DID, Key: key}); err != nil {
		t.Error(err)
	}
	w.agrees(m.DID, "carol.pds.test")
	if now, _ := mailbox.Ask(context.Background(), w.repos.Of(m.DID.String()), repo.SigningKey{}); now != key {
		t.Errorf("signs with %s", now)
	}
}
