package resolver

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	atid "github.com/bluesky-social/indigo/atproto/identity"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/actors/outbound"
	"troupe/storage/car"
)

// resolveIn runs one look-up without the actor.
func resolveIn(w *world, nsid syntax.NSID, change ...func(*Options)) (resolved, error) {
	o := w.options()
	for _, c := range change {
		c(&o)
	}
	o = o.withDefaults()
	return o.resolve(context.Background(), nsid)
}

func TestProofs(t *testing.T) {
	drop := func(i int) func([]car.Block, *cid.Cid) []car.Block { // from the end, if negative
		return func(all []car.Block, _ *cid.Cid) []car.Block {
			if i < 0 {
				i += len(all)
			}
			return append(append([]car.Block{}, all[:i]...), all[i+1:]...)
		}
	}
	for name, c := range map[string]struct {
		change func(*publication)
		want   error
	}{
		"good":                  {func(*publication) {}, nil},
		"signed by another key": {func(p *publication) { p.key = newPublication(t, alice).key }, ErrProof},
		"another's repository":  {func(p *publication) { p.did = bob }, ErrProof},
		"proven absent":         {func(p *publication) { delete(p.records, thing) }, ErrNotFound},
		"no commit":             {func(p *publication) { p.tamper = drop(0) }, ErrProof},
		"no root node":          {func(p *publication) { p.tamper = drop(1) }, ErrProof},
		"a node is missing":     {func(p *publication) { p.tamper = drop(2) }, ErrProof},
		"the record is missing": {func(p *publication) { p.tamper = drop(-1) }, ErrProof},
		"the root is no commit": {func(p *publication) {
			p.tamper = func(all []car.Block, root *cid.Cid) []car.Block { *root = all[1].CID; return all }
		}, ErrProof},
		"the record was replaced":  {func(p *publication) { p.tamper = forge(t, schema(thing, 99)) }, ErrProof},
		"it is about another type": {func(p *publication) { p.records[thing] = schema("com.example.other", 3) }, ErrSchema},
		"it is no lexicon":         {func(p *publication) { p.records[thing] = `{"$type":"com.example.thing"}` }, ErrSchema},
		"it is no record type": {func(p *publication) {
			p.records[thing] = `{"$type":"com.atproto.lexicon.schema","lexicon":1,"id":"com.example.thing","defs":{"main":{"type":"token"}}}`
		}, ErrSchema},
		"it is too large": {func(p *publication) {
			p.records[thing] = schema(thing, 3, `"a":{"type":"string","description":"`+strings.Repeat("x", maxSchema)+`"}`)
		}, ErrSchema},
		"it wants to replace ours": {func(p *publication) {
			p.records[thing] = strings.Replace(schema(thing, 3), string(thing), "app.bsky.feed.post", 1)
		}, ErrSchema},
		"the document has no PDS":  {func(p *publication) { p.host = "" }, ErrNotFound},
		"the PDS is behind a path": {func(p *publication) { p.host = "https://pds.example.net/admin" }, ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := w.publish("example.com", alice)
			p.records[thing] = schema(thing, 3)
			doc := p.document(t)
			c.change(p)
			if p.did != alice { // the document stays Alice's, the commit says Bob
				w.old[alice] = doc
			}
			r, err := resolveIn(w, thing)
			if !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if c.want == nil && (r.DID != alice || r.Rev != p.rev || !r.catalog.KnownRecord(thing)) {
				t.Errorf("%+v", r.Lexicon)
			}
		})
	}
}

// forge puts another record behind the CID of the last block.
func forge(t *testing.T, text string) func([]car.Block, *cid.Cid) []car.Block {
	return func(all []car.Block, _ *cid.Cid) []car.Block {
		all[len(all)-1].Data = block(t, text).Data
		return all
	}
}

// Every bit of a proof is under the signature: flipping any is noticed.
func TestAProofHasNoLooseBits(t *testing.T) {
	p := newPublication(t, alice)
	p.records[thing] = schema(thing, 3)
	public, err := p.key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	const path = lexiconRecord + "/" + string(thing)
	good := p.proof(t, path)
	want, err := verify(good, alice, public, path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1 << (i % 8)
		if got, err := verify(bad, alice, public, path); err == nil {
			t.Fatalf("byte %d of %d was changed: %q, want %q", i, len(good), got.record, want.record)
		}
		if _, err := verify(good[:i], alice, public, path); err == nil {
			t.Fatalf("cut at byte %d of %d", i, len(good))
		}
	}
}

// A key that was replaced while a cache has the old one is found out.
func TestReplacedKey(t *testing.T) {
	w := newWorld(t)
	p := w.publish("example.com", alice)
	p.records[thing] = schema(thing, 3)
	w.old[alice] = p.document(t)
	fresh := newPublication(t, alice)
	p.key, p.claims = fresh.key, fresh.key
	if _, err := resolveIn(w, thing); err != nil {
		t.Error(err)
	}
}

func TestAuthority(t *testing.T) {
	for name, c := range map[string]struct {
		nsid    syntax.NSID
		records []string
		change  func(*Options)
		want    error
	}{
		"one":               {thing, []string{"did=" + string(alice)}, nil, nil},
		"none":              {thing, []string{"v=spf1"}, nil, ErrNotFound},
		"two":               {thing, []string{"did=" + string(alice), "did=" + string(bob)}, nil, ErrNotFound},
		"no DID":            {thing, []string{"did=alice"}, nil, ErrNotFound},
		"a domain above":    {"com.example.deep.thing", []string{"did=" + string(alice)}, nil, ErrNotFound},
		"a reserved domain": {"local.router.thing", nil, func(o *Options) { o.Dev = false }, ErrNotFound},
		"a test's domain":   {"test.router.thing", nil, func(o *Options) { o.Dev = false }, ErrNotFound},
		"told":              {"test.router.thing", nil, func(o *Options) { o.Authority = alice }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := w.publish("example.com", alice)
			p.records[c.nsid] = schema(c.nsid, 3)
			w.names["_lexicon.example.com"] = c.records
			var change []func(*Options)
			if c.change != nil {
				change = append(change, c.change)
			}
			if _, err := resolveIn(w, c.nsid, change...); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

// What a stranger's DID document points to is fetched by the guarded client: nothing
// on this machine or network is reached, no redirect is followed, no flood is read.
func TestHostileHosts(t *testing.T) {
	var hits atomic.Int64
	var handle http.HandlerFunc
	inside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		handle(w, r)
	}))
	defer inside.Close()
	at := func(host string, dev bool) error {
		w := newWorld(t)
		p := w.publish("example.com", alice)
		p.records[thing] = schema(thing, 3)
		p.host = host
		_, err := resolveIn(w, thing, func(o *Options) { o.Web, o.Dev = nil, dev })
		return err
	}
	handle = func(w http.ResponseWriter, _ *http.Request) { w.Write(newPublication(t, alice).proof(t, "a/b")) }
	for _, host := range []string{
		inside.URL, strings.Replace(inside.URL, "http:", "https:", 1), strings.Replace(inside.URL, "http://127.0.0.1", "https://localhost", 1),
		"https://169.254.169.254", "https://10.0.0.1", "https://[::1]", "ftp://example.com",
	} {
		if err := at(host, false); !errors.Is(err, outbound.ErrForbidden) || !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %v, want ErrForbidden", host, err)
		}
	}
	if n := hits.Load(); n != 0 {
		t.Fatalf("%d requests reached the inside", n)
	}
	for name, c := range map[string]struct {
		do   http.HandlerFunc
		want error
	}{
		"a redirect to itself": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.String(), http.StatusFound) }, ErrUnavailable},
		"a redirect away": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, inside.URL+"/other", http.StatusTemporaryRedirect)
		}, ErrUnavailable},
		"a flood": {func(w http.ResponseWriter, r *http.Request) {
			for chunk := make([]byte, 64<<10); r.Context().Err() == nil; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}, ErrProof},
		"a large answer": {func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, MaxProof+1)) }, ErrProof},
		"nonsense":       {func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) }, ErrProof},
		"an error":       {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, ErrUnavailable},
		"no such record": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }, ErrNotFound},
	} {
		hits.Store(0)
		handle = c.do
		if err := at(inside.URL, true); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if n := hits.Load(); n != 1 {
			t.Errorf("%s: %d requests", name, n)
		}
	}
}

func TestNobodyAtAll(t *testing.T) {
	w := newWorld(t)
	w.names["_lexicon.example.com"] = []string{"did=" + string(alice)}
	if _, err := resolveIn(w, thing); !errors.Is(err, ErrNotFound) || !errors.Is(err, atid.ErrDIDNotFound) {
		t.Error(err)
	}
}
