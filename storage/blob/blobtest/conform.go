package blobtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"troupe/storage/blob"
	"troupe/storage/dag"
)

// Accounts whose folders are named by their DID, and by a digest.
var (
	Alice = syntax.DID("did:plc:alicealicealicealicealic")
	Bob   = syntax.DID("did:web:bob.example")
	Odd   = syntax.DID("did:web:localhost%3A3000")
)

// Conform runs what every Store promises, each part with a new and empty one.
// large is a size that the store treats as large.
func Conform(t *testing.T, large int, open func(t *testing.T) blob.Store) {
	for _, part := range []struct {
		name string
		run  func(*testing.T, blob.Store)
	}{
		{"bytes come back", func(t *testing.T, s blob.Store) { comeBack(t, s, large) }},
		{"any range can be read", ranges},
		{"what is missing is not found", missing},
		{"wrong bytes are never seen", func(t *testing.T, s blob.Store) { wrong(t, s, large) }},
		{"a put that broke off can be tried again", func(t *testing.T, s blob.Store) { again(t, s, large) }},
		{"putting twice is putting once", twice},
		{"accounts are apart", apart},
		{"delete", deletes},
		{"quarantine and restore", quarantine},
		{"list", lists},
		{"accounts", accounts},
		{"an account is deleted whole", deleteAccount},
		{"a context that ended is no failure of the store", ended},
		{"many at once see all or nothing", func(t *testing.T, s blob.Store) { atOnce(t, s, large) }},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, open(t)) })
	}
}

// Bytes are n bytes that are always the same for a seed.
func Bytes(seed uint64, n int) []byte {
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	b := make([]byte, n)
	rand.NewChaCha8(key).Read(b)
	return b
}

// Put keeps bytes, or ends the test.
func Put(t testing.TB, s blob.Store, did syntax.DID, b []byte) cid.Cid {
	t.Helper()
	c := dag.SumRaw(b)
	if err := s.Put(t.Context(), did, c, int64(len(b)), bytes.NewReader(b)); err != nil {
		t.Fatalf("put: %v", err)
	}
	return c
}

// Read is what Open gives, or ends the test.
func Read(t testing.TB, s blob.Store, did syntax.DID, c cid.Cid) []byte {
	t.Helper()
	o, err := s.Open(t.Context(), did, c)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	defer o.Close()
	b, err := io.ReadAll(o)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	if int64(len(b)) != o.Size() {
		t.Fatalf("read %d bytes of an object of %d", len(b), o.Size())
	}
	return b
}

// Absent ends the test if the store shows anything of a blob.
func Absent(t testing.TB, s blob.Store, did syntax.DID, c cid.Cid) {
	t.Helper()
	if o, err := s.Open(t.Context(), did, c); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("open gives %v, %v, want ErrNotFound", o, err)
	}
	if ok, err := s.Has(t.Context(), did, c); ok || err != nil {
		t.Errorf("has gives %t, %v, want false", ok, err)
	}
}

// All is the whole list of an account, or ends the test.
func All(t testing.TB, s blob.Store, did syntax.DID, after cid.Cid) []blob.Stored {
	t.Helper()
	var all []blob.Stored
	for one, err := range s.List(t.Context(), did, after) {
		if err != nil {
			t.Fatalf("list: %v", err)
		}
		all = append(all, one)
	}
	return all
}

func comeBack(t *testing.T, s blob.Store, large int) {
	for seed, size := range []int{0, 1, 3072, 100_000, large, large + 1, 2*large + 7} {
		b := Bytes(uint64(seed), size)
		c := Put(t, s, Alice, b)
		if got := Read(t, s, Alice, c); !bytes.Equal(got, b) {
			t.Errorf("%d bytes came back as %d others", size, len(got))
		}
		if ok, err := s.Has(t.Context(), Alice, c); !ok || err != nil {
			t.Errorf("has gives %t, %v after a put", ok, err)
		}
	}
}

func ranges(t *testing.T, s blob.Store) {
	b := Bytes(1, 30_000)
	c := Put(t, s, Alice, b)
	o, err := s.Open(t.Context(), Alice, c)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if err := iotest.TestReader(o, b); err != nil {
		t.Error(err)
	}
	for _, at := range []int64{29_990, 5, 0, 15_000, 30_000} {
		if _, err := o.Seek(at, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(io.LimitReader(o, 100))
		if want := b[at:min(at+100, int64(len(b)))]; err != nil || !bytes.Equal(got, want) {
			t.Errorf("at %d: %d bytes, %v", at, len(got), err)
		}
	}
	if _, err := o.Seek(-1, io.SeekStart); err == nil {
		t.Error("a place before the start was accepted")
	}
}

func missing(t *testing.T, s blob.Store) {
	Put(t, s, Alice, Bytes(1, 10))
	Absent(t, s, Alice, dag.SumRaw([]byte("never put")))
	Absent(t, s, Bob, dag.SumRaw([]byte("never put")))
	Absent(t, s, Alice, cid.Undef)
	long, err := multihash.Sum(bytes.Repeat([]byte("../"), 200), multihash.IDENTITY, -1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []cid.Cid{cid.NewCidV1(cid.Raw, long), cid.NewCidV0(dag.SumRaw(nil).Hash())} {
		Absent(t, s, Alice, c)
		if err := s.Put(t.Context(), Alice, c, 0, strings.NewReader("")); !errors.Is(err, blob.ErrMismatch) {
			t.Errorf("put under %s: %v, want ErrMismatch", c, err)
		}
		if err := s.Delete(t.Context(), Alice, c); err != nil {
			t.Errorf("delete of %s: %v", c, err)
		}
	}
}

func wrong(t *testing.T, s blob.Store, large int) {
	for _, size := range []int{1, 5000, 2 * large} {
		b := Bytes(3, size)
		c := dag.SumRaw(b)
		flipped := bytes.Clone(b)
		flipped[size-1] ^= 1
		for what, r := range map[string]io.Reader{
			"too short": bytes.NewReader(b[:size-1]),
			"too long":  bytes.NewReader(append(bytes.Clone(b), 'x')),
			"other":     bytes.NewReader(flipped),
			"empty":     strings.NewReader(""),
			"unseeking": iotest.OneByteReader(strings.NewReader("x")),
		} {
			if err := s.Put(t.Context(), Alice, c, int64(size), r); !errors.Is(err, blob.ErrMismatch) && !(size == 1 && err == nil && flipped[0] == 'x') {
				t.Errorf("%s, %d bytes: %v, want ErrMismatch", what, size, err)
			}
			Absent(t, s, Alice, c)
		}
	}
	if err := s.Put(t.Context(), Alice, dag.SumRaw([]byte("a")), 0, strings.NewReader("")); !errors.Is(err, blob.ErrMismatch) {
		t.Errorf("no bytes for one: %v, want ErrMismatch", err)
	}
	if got := All(t, s, Alice, cid.Undef); len(got) != 0 {
		t.Errorf("%d blobs are listed", len(got))
	}
}

func again(t *testing.T, s blob.Store, large int) {
	lost := errors.New("the client went away")
	for _, size := range []int{5000, 2 * large} {
		b := Bytes(4, size)
		c := dag.SumRaw(b)
		half := io.MultiReader(bytes.NewReader(b[:size*3/4]), iotest.ErrReader(lost))
		if err := s.Put(t.Context(), Alice, c, int64(size), half); !errors.Is(err, lost) {
			t.Errorf("%d bytes: %v, want the reader's error", size, err)
		}
		Absent(t, s, Alice, c)
		if Put(t, s, Alice, b); !bytes.Equal(Read(t, s, Alice, c), b) {
			t.Errorf("%d bytes: others came back", size)
		}
	}
	spool, err := blob.NewSpool(t.TempDir(), int64(2*large))
	if err != nil {
		t.Fatal(err)
	}
	defer spool.Close()
	b := Bytes(5, 2*large)
	if _, err := spool.Write(b); err != nil {
		t.Fatal(err)
	}
	content := spool.Finish()
	for range 2 {
		if err := s.Put(t.Context(), Alice, content.CID, content.Size, spool.Open()); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(Read(t, s, Alice, content.CID), b) {
		t.Error("other bytes came back from a spool")
	}
	other := dag.SumRaw([]byte("other"))
	if err := s.Put(t.Context(), Alice, other, content.Size, spool.Open()); !errors.Is(err, blob.ErrMismatch) {
		t.Errorf("a spool under another CID: %v, want ErrMismatch", err)
	}
	Absent(t, s, Alice, other)
}

func twice(t *testing.T, s blob.Store) {
	b := Bytes(1, 1000)
	c := Put(t, s, Alice, b)
	Put(t, s, Alice, b)
	if !bytes.Equal(Read(t, s, Alice, c), b) {
		t.Error("other bytes came back")
	}
	if got := All(t, s, Alice, cid.Undef); len(got) != 1 {
		t.Errorf("%d blobs are listed, want 1", len(got))
	}
}

func apart(t *testing.T, s blob.Store) {
	b := Bytes(1, 100)
	c := Put(t, s, Alice, b)
	Absent(t, s, Bob, c)
	Absent(t, s, Odd, c)
	Put(t, s, Odd, b)
	if err := s.Delete(t.Context(), Alice, c); err != nil {
		t.Fatal(err)
	}
	Absent(t, s, Alice, c)
	if !bytes.Equal(Read(t, s, Odd, c), b) {
		t.Error("a delete reached another account")
	}
}

func deletes(t *testing.T, s blob.Store) {
	one, two, three := Put(t, s, Alice, Bytes(1, 10)), Put(t, s, Alice, Bytes(2, 10)), Put(t, s, Alice, Bytes(3, 10))
	if err := s.Quarantine(t.Context(), Alice, two); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Delete(t.Context(), Alice, one, two, dag.SumRaw(nil)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Delete(t.Context(), Bob, one); err != nil {
		t.Errorf("delete of an account without bytes: %v", err)
	}
	if err := s.Delete(t.Context(), Alice); err != nil {
		t.Errorf("delete of nothing: %v", err)
	}
	if err := s.Restore(t.Context(), Alice, two); err != nil {
		t.Fatal(err)
	}
	Absent(t, s, Alice, one)
	Absent(t, s, Alice, two)
	Read(t, s, Alice, three)
}

func quarantine(t *testing.T, s blob.Store) {
	b := Bytes(1, 1000)
	c := Put(t, s, Odd, b)
	for range 2 {
		for range 2 {
			if err := s.Quarantine(t.Context(), Odd, c); err != nil {
				t.Fatal(err)
			}
		}
		Absent(t, s, Odd, c)
		for range 2 {
			if err := s.Restore(t.Context(), Odd, c); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(Read(t, s, Odd, c), b) {
			t.Error("other bytes came back from quarantine")
		}
	}
	never := dag.SumRaw([]byte("never put"))
	if err := errors.Join(s.Quarantine(t.Context(), Odd, never), s.Restore(t.Context(), Odd, never), s.Quarantine(t.Context(), Bob, never)); err != nil {
		t.Errorf("quarantine of what is missing: %v", err)
	}
	Absent(t, s, Odd, never)
}

func lists(t *testing.T, s blob.Store) {
	var want []string
	for i := range 12 {
		want = append(want, Put(t, s, Odd, Bytes(uint64(i), 100+i)).String())
	}
	Put(t, s, Alice, Bytes(99, 1))
	slices.Sort(want)
	hidden, err := cid.Decode(want[5])
	if err == nil {
		err = s.Quarantine(t.Context(), Odd, hidden)
	}
	if err != nil {
		t.Fatal(err)
	}
	all := All(t, s, Odd, cid.Undef)
	for i, one := range all {
		if i >= len(want) || one.CID.String() != want[i] {
			t.Fatalf("entry %d is %s", i, one.CID)
		}
		if one.Quarantined != (i == 5) || one.Size < 100 || one.Size > 111 || one.Modified.IsZero() {
			t.Errorf("entry %d is %+v", i, one)
		}
	}
	for i := range want {
		if got := All(t, s, Odd, all[i].CID); len(got) != len(want)-i-1 || len(got) > 0 && !got[0].CID.Equals(all[i+1].CID) {
			t.Errorf("behind entry %d there are %d", i, len(got))
		}
	}
	for range s.List(t.Context(), Odd, cid.Undef) {
		break // a caller may have seen enough
	}
	if got := All(t, s, Bob, cid.Undef); len(got) != 0 {
		t.Errorf("an account without bytes has %d", len(got))
	}
}

func accounts(t *testing.T, s blob.Store) {
	for got, err := range s.Accounts(t.Context()) {
		t.Errorf("an empty store has the account %s, %v", got, err)
	}
	want := []syntax.DID{Alice, Bob, Odd, "did:web:example.com:user:x", "did:example:" + syntax.DID(strings.Repeat("x", 300))}
	for _, did := range want {
		Put(t, s, did, Bytes(1, 10))
	}
	if err := s.Quarantine(t.Context(), Bob, dag.SumRaw(Bytes(1, 10))); err != nil {
		t.Fatal(err)
	}
	var got []syntax.DID
	for did, err := range s.Accounts(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, did)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("accounts %q, want %q", got, want)
	}
}

func deleteAccount(t *testing.T, s blob.Store) {
	for i := range 3 {
		for _, did := range []syntax.DID{Alice, Odd} {
			c := Put(t, s, did, Bytes(uint64(i), 10))
			if i == 0 {
				if err := s.Quarantine(t.Context(), did, c); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for range 2 {
		if err := s.DeleteAccount(t.Context(), Odd); err != nil {
			t.Fatal(err)
		}
	}
	if got := All(t, s, Odd, cid.Undef); len(got) != 0 {
		t.Errorf("%d blobs of a deleted account are left", len(got))
	}
	if got := All(t, s, Alice, cid.Undef); len(got) != 3 {
		t.Errorf("%d blobs of another account are left, want 3", len(got))
	}
	for did, err := range s.Accounts(t.Context()) {
		if did != Alice || err != nil {
			t.Errorf("there is the account %s, %v", did, err)
		}
	}
	b := Bytes(7, 10)
	if c := Put(t, s, Odd, b); !bytes.Equal(Read(t, s, Odd, c), b) {
		t.Error("an account that came again has other bytes")
	}
}

func ended(t *testing.T, s blob.Store) {
	c := Put(t, s, Alice, Bytes(1, 10))
	gone := errors.New("the client went away")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	b := Bytes(2, 10)
	_, openErr := s.Open(ctx, Alice, c)
	_, hasErr := s.Has(ctx, Alice, c)
	for what, err := range map[string]error{
		"put": s.Put(ctx, Alice, dag.SumRaw(b), 10, bytes.NewReader(b)), "open": openErr, "has": hasErr, "delete": s.Delete(ctx, Alice, c),
		"quarantine": s.Quarantine(ctx, Alice, c), "delete account": s.DeleteAccount(ctx, Alice),
	} {
		if !errors.Is(err, gone) {
			t.Errorf("%s: %v, want the cause of the context", what, err)
		}
		for _, class := range []error{blob.ErrNotFound, blob.ErrUnavailable, blob.ErrTimeout, blob.ErrMismatch} {
			if errors.Is(err, class) {
				t.Errorf("%s: %v is taken for %v", what, err, class)
			}
		}
	}
	Absent(t, s, Alice, dag.SumRaw(b))
	Read(t, s, Alice, c)
}

func atOnce(t *testing.T, s blob.Store, large int) {
	b := Bytes(1, large+100)
	c := dag.SumRaw(b)
	var writers, readers sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		writers.Go(func() {
			for range 3 {
				if err := s.Put(t.Context(), Alice, c, int64(len(b)), bytes.NewReader(b)); err != nil {
					t.Errorf("put: %v", err)
				}
			}
		})
	}
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				o, err := s.Open(t.Context(), Alice, c)
				if errors.Is(err, blob.ErrNotFound) {
					continue
				}
				if err != nil {
					t.Errorf("open: %v", err)
					return
				}
				sum := sha256.New()
				if _, err := io.Copy(sum, o); err != nil || !bytes.Equal(sum.Sum(nil), c.Hash()[2:]) {
					t.Errorf("a reader saw other bytes, %v", err)
				}
				o.Close()
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
	if !bytes.Equal(Read(t, s, Alice, c), b) {
		t.Error("other bytes came back")
	}
}
