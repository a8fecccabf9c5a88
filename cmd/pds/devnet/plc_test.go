package devnet

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/did-method-plc/go-didplc/didplc"

	"troupe/actors/identity/plc"
	"troupe/actors/outbound"
)

type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newKey(t *testing.T) (atcrypto.PrivateKeyExportable, atcrypto.PublicKey) {
	t.Helper()
	priv, err := atcrypto.GeneratePrivateKeyK256()
	if err != nil {
		t.Fatal(err)
	}
	pub, err := priv.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return priv, pub
}

// start serves a directory on loopback and returns a client of it.
func start(t *testing.T, o PLCOptions) (*PLC, *plc.Directory, string) {
	t.Helper()
	p, err := OpenPLC(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	url, err := p.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return p, plc.NewDirectory(url, outbound.NewClient(outbound.Options{AllowPrivate: true, AllowHTTP: true})), url
}

// account makes a DID with the keys user (stronger) and server.
func account(t *testing.T, d *plc.Directory, user atcrypto.PublicKey, server atcrypto.PrivateKey, handle syntax.Handle) syntax.DID {
	t.Helper()
	_, signing := newKey(t)
	did, op, err := plc.Genesis(server, plc.GenesisInput{
		Handle: handle, Endpoint: "https://pds.test", SigningKey: signing, Recovery: user,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Submit(context.Background(), did, op); err != nil {
		t.Fatal(err)
	}
	return did
}

func TestLifeOfADID(t *testing.T) {
	ctx := context.Background()
	_, d, _ := start(t, PLCOptions{})
	server, serverPub := newKey(t)
	did := account(t, d, nil, server, "alice.test")

	data, err := d.Data(ctx, did)
	if err != nil || data.AlsoKnownAs[0] != "at://alice.test" || data.RotationKeys[0] != serverPub.DIDKey() {
		t.Fatalf("%+v, %v", data, err)
	}
	first, err := d.Last(ctx, did)
	if err != nil {
		t.Fatal(err)
	}
	update, err := plc.UpdateHandle(first, "alice2.test", server)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second copy is not an error
		if err := d.Submit(ctx, did, update); err != nil {
			t.Fatal(err)
		}
	}
	if data, err = d.Data(ctx, did); err != nil || data.AlsoKnownAs[0] != "at://alice2.test" {
		t.Fatalf("%+v, %v", data, err)
	}
	// A second successor of the first operation by the same key lost the race.
	late, err := plc.UpdateHandle(first, "alice3.test", server)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Submit(ctx, did, late); !errors.Is(err, plc.ErrRejected) {
		t.Fatalf("%v, want ErrRejected", err)
	}
	second, err := d.Last(ctx, did)
	if err != nil {
		t.Fatal(err)
	}
	tombstone, err := plc.Tombstone(second, server)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Submit(ctx, did, tombstone); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Data(ctx, did); !errors.Is(err, plc.ErrGone) {
		t.Errorf("data of a tombstone: %v, want ErrGone", err)
	}
	if _, err := d.Document(ctx, did); !errors.Is(err, plc.ErrGone) {
		t.Errorf("document of a tombstone: %v, want ErrGone", err)
	}
	log, err := d.Log(ctx, did)
	if err != nil || len(log) != 3 {
		t.Errorf("%d operations, %v", len(log), err)
	}
	audit, err := d.Audit(ctx, did)
	if err != nil || didplc.VerifyOpLog(audit) != nil {
		t.Errorf("audit log: %v, %v", err, didplc.VerifyOpLog(audit))
	}
}

// For 72 hours a stronger key may put another history in place of a weaker key's.
func TestRecovery(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		by    string
		want  error
	}{
		{time.Hour, "user", nil},
		{72 * time.Hour, "user", nil},
		{72*time.Hour + time.Millisecond, "user", plc.ErrRejected},
		{time.Hour, "server", plc.ErrRejected},
		{time.Hour, "stranger", plc.ErrRejected},
	} {
		ctx := context.Background()
		clock := &clock{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
		_, d, _ := start(t, PLCOptions{Now: clock.now})
		user, userPub := newKey(t)
		server, _ := newKey(t)
		stranger, _ := newKey(t)
		did := account(t, d, userPub, server, "alice.test")
		first, _ := d.Last(ctx, did)

		clock.at = clock.at.Add(time.Hour)
		stolen, err := plc.UpdateHandle(first, "thief.test", server)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Submit(ctx, did, stolen); err != nil {
			t.Fatal(err)
		}
		clock.at = clock.at.Add(c.after)
		key := map[string]atcrypto.PrivateKey{"user": user, "server": server, "stranger": stranger}[c.by]
		recovery, err := plc.UpdateHandle(first, "back.test", key)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Submit(ctx, did, recovery); !errors.Is(err, c.want) {
			t.Errorf("%s after %s: %v, want %v", c.by, c.after, err, c.want)
			continue
		}
		want, nullified := "at://thief.test", false
		if c.want == nil {
			want, nullified = "at://back.test", true
		}
		data, err := d.Data(ctx, did)
		if err != nil || data.AlsoKnownAs[0] != want {
			t.Errorf("%s after %s: %v, %v", c.by, c.after, data.AlsoKnownAs, err)
		}
		audit, err := d.Audit(ctx, did)
		if err != nil || audit[1].Nullified != nullified {
			t.Errorf("%s after %s: nullified %v, %v", c.by, c.after, audit[1].Nullified, err)
		}
		if err := d.Submit(ctx, did, stolen); nullified && !errors.Is(err, plc.ErrRejected) {
			t.Errorf("a nullified operation counts as accepted: %v", err)
		}
	}
}

func TestSubmissionsAreHeldToTheRules(t *testing.T) {
	p, err := OpenPLC(PLCOptions{})
	if err != nil {
		t.Fatal(err)
	}
	server, serverPub := newKey(t)
	other, _ := newKey(t)
	long := strings.Repeat("x", 300)
	for _, c := range []struct {
		name   string
		damage func(*didplc.RegularOp)
		by     atcrypto.PrivateKey
		edit   func(string) string
		why    string
	}{
		{name: "fine"},
		{name: "stranger's signature", by: other, why: "signature"},
		{name: "no rotation key", damage: func(op *didplc.RegularOp) { op.RotationKeys = []string{} }, why: "rotation keys"},
		{name: "six rotation keys", damage: func(op *didplc.RegularOp) {
			for range 5 {
				_, pub := newKey(t)
				op.RotationKeys = append(op.RotationKeys, pub.DIDKey())
			}
		}, why: "rotation keys"},
		{name: "key twice", damage: func(op *didplc.RegularOp) { op.RotationKeys = append(op.RotationKeys, op.RotationKeys[0]) }, why: "twice"},
		{name: "no key", damage: func(op *didplc.RegularOp) { op.RotationKeys[0] = "did:key:zzz" }, why: "rotation key"},
		{name: "alias twice", damage: func(op *didplc.RegularOp) { op.AlsoKnownAs = []string{"a", "a"} }, why: "twice"},
		{name: "long alias", damage: func(op *didplc.RegularOp) { op.AlsoKnownAs = []string{long} }, why: "longer"},
		{name: "many aliases", damage: func(op *didplc.RegularOp) { op.AlsoKnownAs = strings.Split("abcdefghijk", "") }, why: "alsoKnownAs"},
		{name: "long endpoint", damage: func(op *didplc.RegularOp) {
			op.Services["x"] = didplc.OpService{Type: "t", Endpoint: long}
		}, why: "endpoint"},
		{name: "long service type", damage: func(op *didplc.RegularOp) { op.Services["x"] = didplc.OpService{Type: long[:97]} }, why: "type"},
		{name: "long service id", damage: func(op *didplc.RegularOp) { op.Services[long[:33]] = didplc.OpService{} }, why: "service id"},
		{name: "long method id", damage: func(op *didplc.RegularOp) { op.VerificationMethods[long[:33]] = serverPub.DIDKey() }, why: "method id"},
		{name: "method without key", damage: func(op *didplc.RegularOp) { op.VerificationMethods["x"] = "https://x" }, why: "did:key"},
		{name: "too large", damage: func(op *didplc.RegularOp) {
			for i := range 10 {
				op.Services["s"+string(rune('a'+i))] = didplc.OpService{Type: long[:96], Endpoint: long[:256]}
			}
			for i := range 6 {
				op.AlsoKnownAs = append(op.AlsoKnownAs, string(rune('a'+i))+long[:200])
			}
		}, why: "bytes of CBOR"},
		{name: "services missing", edit: func(s string) string { return strings.Replace(s, `"services"`, `"other"`, 1) }, why: "missing"},
		{name: "changed after signing", edit: func(s string) string { return strings.Replace(s, "alice.test", "mallo.test", 1) }, why: "does not match"},
		{name: "not JSON", edit: func(string) string { return "<op/>" }, why: "not a valid operation"},
		{name: "unknown type", edit: func(s string) string { return strings.Replace(s, "plc_operation", "plc_other", 1) }, why: "type"},
		{name: "legacy", edit: func(string) string {
			op := &didplc.LegacyOp{Type: "create", SigningKey: serverPub.DIDKey(), RecoveryKey: serverPub.DIDKey(), Handle: "a.test", Service: "https://pds.test"}
			if err := op.Sign(server); err != nil {
				t.Fatal(err)
			}
			b, _ := json.Marshal(op)
			return string(b)
		}, why: "legacy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			op := &didplc.RegularOp{
				Type:                "plc_operation",
				RotationKeys:        []string{serverPub.DIDKey()},
				VerificationMethods: map[string]string{"atproto": serverPub.DIDKey()},
				AlsoKnownAs:         []string{"at://alice.test"},
				Services:            map[string]didplc.OpService{"atproto_pds": {Type: "AtprotoPersonalDataServer", Endpoint: "https://pds.test"}},
			}
			if c.damage != nil {
				c.damage(op)
			}
			by := c.by
			if by == nil {
				by = server
			}
			if err := op.Sign(by); err != nil {
				t.Fatal(err)
			}
			did, err := op.DID()
			if err != nil {
				t.Fatal(err)
			}
			b, _ := json.Marshal(op)
			body := string(b)
			if c.edit != nil {
				body = c.edit(body)
			}
			w := httptest.NewRecorder()
			p.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/"+did, strings.NewReader(body)))
			if c.why == "" {
				if w.Code != http.StatusOK {
					t.Fatalf("status %d: %s", w.Code, w.Body)
				}
				return
			}
			var refusal struct{ Message string }
			if err := json.Unmarshal(w.Body.Bytes(), &refusal); err != nil || w.Code != http.StatusBadRequest || !strings.Contains(refusal.Message, c.why) {
				t.Errorf("status %d: %s; want 400 about %q", w.Code, w.Body, c.why)
			}
			if status, _ := get(t, p, "/"+did, nil); status != http.StatusNotFound {
				t.Errorf("the DID exists all the same: status %d", status)
			}
		})
	}
}

func TestOversizedRequest(t *testing.T) {
	p, _ := OpenPLC(PLCOptions{})
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/did:plc:x", strings.NewReader(strings.Repeat(" ", maxRequest+1))))
	if w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", w.Code)
	}
}

func TestRestartKeepsIdentities(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), JournalName)
	server, _ := newKey(t)
	p, d, _ := start(t, PLCOptions{Path: path})
	alice := account(t, d, nil, server, "alice.test")
	bob := account(t, d, nil, server, "bob.test")
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	// A crash in the middle of a write leaves half a line.
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString(`{"did":"did:plc:aaaaaaaaaaaaaaaaaaaaaaaa","operation":{"type":"plc_oper`)
	f.Close()

	p, d, _ = start(t, PLCOptions{Path: path})
	for did, handle := range map[syntax.DID]syntax.Handle{alice: "alice.test", bob: "bob.test"} {
		if data, err := d.Data(ctx, did); err != nil || data.AlsoKnownAs[0] != "at://"+handle.String() {
			t.Errorf("%s: %+v, %v", handle, data, err)
		}
	}
	last, err := d.Last(ctx, alice)
	if err != nil {
		t.Fatal(err)
	}
	update, _ := plc.UpdateHandle(last, "alice2.test", server)
	if err := d.Submit(ctx, alice, update); err != nil {
		t.Fatal(err)
	}
	p.Close()
	_, d, _ = start(t, PLCOptions{Path: path})
	if data, err := d.Data(ctx, alice); err != nil || data.AlsoKnownAs[0] != "at://alice2.test" {
		t.Errorf("after the torn line: %+v, %v", data, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("journal: %v, %v", info.Mode(), err)
	}
}

// Operations in one instant, or under a clock that runs backwards, keep their order.
func TestTimesIncrease(t *testing.T) {
	ctx := context.Background()
	clock := &clock{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	p, d, _ := start(t, PLCOptions{Now: clock.now})
	server, _ := newKey(t)
	did := account(t, d, nil, server, "h0.test")
	for range 3 {
		clock.at = clock.at.Add(-time.Second)
		last, err := d.Last(ctx, did)
		if err != nil {
			t.Fatal(err)
		}
		op, _ := plc.UpdateHandle(last, "h1.test", server)
		if err := d.Submit(ctx, did, op); err != nil {
			t.Fatal(err)
		}
	}
	audit, err := d.Audit(ctx, did)
	if err != nil || didplc.VerifyOpLog(audit) != nil {
		t.Errorf("%v, %v", err, didplc.VerifyOpLog(audit))
	}
	// /export pages through all of them without loss or repetition.
	var seen []string
	for after := ""; ; {
		w := httptest.NewRecorder()
		p.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/export?count=3&after="+after, nil))
		lines := strings.Split(strings.TrimSpace(w.Body.String()), "\n")
		if lines[0] == "" {
			break
		}
		for _, line := range lines {
			var e didplc.LogEntry
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatal(err)
			}
			seen, after = append(seen, e.CID), e.CreatedAt
		}
	}
	if len(seen) != len(audit) {
		t.Fatalf("exported %d operations, want %d", len(seen), len(audit))
	}
	for i, e := range audit {
		if seen[i] != e.CID {
			t.Errorf("export %d: %s, want %s", i, seen[i], e.CID)
		}
	}
}

func TestExportRefusesBadParameters(t *testing.T) {
	p, _ := OpenPLC(PLCOptions{})
	for _, q := range []string{"count=0", "count=1001", "count=x", "after=yesterday"} {
		if status, _ := get(t, p, "/export?"+q, nil); status != http.StatusBadRequest {
			t.Errorf("%s: status %d", q, status)
		}
	}
}

func TestUnknownDID(t *testing.T) {
	p, _ := OpenPLC(PLCOptions{})
	for _, path := range []string{"", "/data", "/log", "/log/last", "/log/audit"} {
		if status, _ := get(t, p, "/did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"+path, nil); status != http.StatusNotFound {
			t.Errorf("%s: status %d", path, status)
		}
	}
	if status, _ := get(t, p, "/_health", nil); status != http.StatusOK {
		t.Errorf("health: status %d", status)
	}
}

func TestListenOnLoopbackOnly(t *testing.T) {
	p, _ := OpenPLC(PLCOptions{})
	for _, address := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "localhost:0", "example.com:80"} {
		if _, err := p.Listen(address); err == nil {
			t.Errorf("%q was accepted", address)
		}
	}
}
