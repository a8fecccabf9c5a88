package plc

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/did-method-plc/go-didplc/didplc"
)

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

func mustParse(t *testing.T, op []byte) didplc.Operation {
	t.Helper()
	parsed, err := Parse(op)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestGenesis(t *testing.T) {
	server, serverPub := newKey(t)
	_, user := newKey(t)
	_, offline := newKey(t)
	_, signing := newKey(t)
	base := GenesisInput{Handle: "Alice.Example.com", Endpoint: "https://pds.example.com", SigningKey: signing}
	for _, c := range []struct {
		name          string
		user, offline atcrypto.PublicKey
		want          []string
	}{
		{"server only", nil, nil, []string{serverPub.DIDKey()}},
		{"with offline key", nil, offline, []string{offline.DIDKey(), serverPub.DIDKey()}},
		{"with both", user, offline, []string{user.DIDKey(), offline.DIDKey(), serverPub.DIDKey()}},
		{"offline key is the server's", user, serverPub, []string{user.DIDKey(), serverPub.DIDKey()}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := base
			in.Recovery, in.ServerRecovery = c.user, c.offline
			did, op, err := Genesis(server, in)
			if err != nil {
				t.Fatal(err)
			}
			parsed := mustParse(t, op).(*didplc.RegularOp)
			entry := didplc.LogEntry{DID: did.String(), Operation: *parsed.AsOpEnum(), CID: parsed.CID().String()}
			if err := entry.Validate(); err != nil {
				t.Errorf("not a valid first entry of %s: %v", did, err)
			}
			if _, err := syntax.ParseDID(did.String()); err != nil || len(did) != 32 {
				t.Errorf("DID %q: %v", did, err)
			}
			want := &didplc.RegularOp{
				Type:                "plc_operation",
				RotationKeys:        c.want,
				VerificationMethods: map[string]string{"atproto": signing.DIDKey()},
				AlsoKnownAs:         []string{"at://alice.example.com"},
				Services:            map[string]didplc.OpService{"atproto_pds": {Type: "AtprotoPersonalDataServer", Endpoint: "https://pds.example.com"}},
				Sig:                 parsed.Sig,
			}
			if !reflect.DeepEqual(parsed, want) {
				t.Errorf("got %+v\nwant %+v", parsed, want)
			}
			if !strings.Contains(string(op), `"prev":null`) {
				t.Errorf("a genesis shows its prev: %s", op)
			}
		})
	}
	for _, broken := range []func(*GenesisInput){
		func(in *GenesisInput) { in.SigningKey = nil },
		func(in *GenesisInput) { in.Endpoint = "" },
		func(in *GenesisInput) { in.Handle = "" },
	} {
		in := base
		broken(&in)
		if _, _, err := Genesis(server, in); !errors.Is(err, ErrOperation) {
			t.Errorf("%v, want ErrOperation", err)
		}
	}
}

func TestSetHandle(t *testing.T) {
	for _, c := range []struct{ before, after []string }{
		{nil, []string{"at://new.test"}},
		{[]string{"at://old.test"}, []string{"at://new.test"}},
		{[]string{"https://x.test", "at://old.test", "at://older.test"}, []string{"https://x.test", "at://new.test", "at://older.test"}},
		{[]string{"https://x.test"}, []string{"at://new.test", "https://x.test"}},
	} {
		op := &didplc.RegularOp{AlsoKnownAs: c.before}
		SetHandle(op, "NEW.test")
		if !reflect.DeepEqual(op.AlsoKnownAs, c.after) {
			t.Errorf("got %v, want %v", op.AlsoKnownAs, c.after)
		}
	}
}

// What follows an operation repeats it, names it, and shares no memory with it.
func TestNext(t *testing.T) {
	server, _ := newKey(t)
	_, signing := newKey(t)
	_, op, err := Genesis(server, GenesisInput{Handle: "a.test", Endpoint: "https://pds.test", SigningKey: signing})
	if err != nil {
		t.Fatal(err)
	}
	first := mustParse(t, op)
	next, err := Next(first)
	if err != nil {
		t.Fatal(err)
	}
	if next.Sig != nil || next.Prev == nil || *next.Prev != first.CID().String() {
		t.Fatalf("prev %v, sig %v", next.Prev, next.Sig)
	}
	before := first.CID()
	next.AlsoKnownAs[0], next.RotationKeys[0] = "at://b.test", "x"
	next.Services["x"], next.VerificationMethods["y"] = didplc.OpService{}, "z"
	if !first.CID().Equals(before) {
		t.Error("changing the next operation changed the last one")
	}
}

func TestUpdateAndTombstone(t *testing.T) {
	server, pub := newKey(t)
	_, signing := newKey(t)
	_, op, err := Genesis(server, GenesisInput{Handle: "a.test", Endpoint: "https://pds.test", SigningKey: signing})
	if err != nil {
		t.Fatal(err)
	}
	first := mustParse(t, op)
	b, err := UpdateHandle(first, "b.test", server)
	if err != nil {
		t.Fatal(err)
	}
	second := mustParse(t, b).(*didplc.RegularOp)
	if second.PrevCIDStr() != first.CID().String() || second.AlsoKnownAs[0] != "at://b.test" || second.VerifySignature(pub) != nil {
		t.Errorf("update: %+v", second)
	}
	b, err = Tombstone(second, server)
	if err != nil {
		t.Fatal(err)
	}
	last := mustParse(t, b)
	if last.PrevCIDStr() != second.CID().String() || last.VerifySignature(pub) != nil {
		t.Errorf("tombstone: %+v", last)
	}
	if _, err := UpdateHandle(last, "c.test", server); !errors.Is(err, ErrGone) {
		t.Errorf("update of a tombstone: %v, want ErrGone", err)
	}
	if _, err := Tombstone(last, server); !errors.Is(err, ErrGone) {
		t.Errorf("second tombstone: %v, want ErrGone", err)
	}
}

func TestRotationKeyCount(t *testing.T) {
	server, _ := newKey(t)
	for n := range 8 {
		op := &didplc.RegularOp{Type: "plc_operation"}
		for range n {
			_, pub := newKey(t)
			op.RotationKeys = append(op.RotationKeys, pub.DIDKey())
		}
		_, err := Sign(op, server)
		if want := n >= 1 && n <= 5; (err == nil) != want {
			t.Errorf("%d rotation keys: %v", n, err)
		}
	}
}

// testdata is the folder of real and broken logs that go-didplc ships.
func testdata(t *testing.T) string {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/did-method-plc/go-didplc").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(dir)), "testdata")
}

// Parsing keeps every byte that counts: the CIDs of real operations, legacy and
// tombstones among them, come out as the public directory recorded them.
func TestParseRealOperations(t *testing.T) {
	for _, name := range []string{"log_bskyapp.json", "log_legacy_dholms.json", "log_bnewbold_robocracy.json", "log_tombstone.json"} {
		b, err := os.ReadFile(filepath.Join(testdata(t), name))
		if err != nil {
			t.Fatal(err)
		}
		var entries []struct {
			CID       string
			Operation json.RawMessage
		}
		if err := json.Unmarshal(b, &entries); err != nil || len(entries) == 0 {
			t.Fatal(name, err)
		}
		for i, e := range entries {
			if got := mustParse(t, e.Operation).CID().String(); got != e.CID {
				t.Errorf("%s: operation %d: CID %s, want %s", name, i, got, e.CID)
			}
		}
	}
}

// A legacy genesis is followed by an operation of today's form.
func TestNextOfLegacy(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(testdata(t), "log_legacy_dholms.json"))
	if err != nil {
		t.Fatal(err)
	}
	var entries []didplc.LogEntry
	if err := json.Unmarshal(b, &entries); err != nil {
		t.Fatal(err)
	}
	legacy := entries[0].Operation.Legacy
	if legacy == nil {
		t.Fatal("the fixture does not begin with a legacy operation")
	}
	next, err := Next(legacy)
	if err != nil {
		t.Fatal(err)
	}
	if next.Type != "plc_operation" || *next.Prev != entries[0].CID ||
		!reflect.DeepEqual(next.RotationKeys, []string{legacy.RecoveryKey, legacy.SigningKey}) ||
		next.VerificationMethods["atproto"] != legacy.SigningKey ||
		next.AlsoKnownAs[0] != "at://"+legacy.Handle || next.Services["atproto_pds"].Endpoint != legacy.Service {
		t.Errorf("got %+v of %+v", next, legacy)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, s := range []string{"", "{}", "[]", "null", `"x"`, `{"type":"other"}`, `{"type":1}`, `{"type":"plc_operation","rotationKeys":1}`} {
		if _, err := Parse([]byte(s)); !errors.Is(err, ErrOperation) {
			t.Errorf("%s: %v, want ErrOperation", s, err)
		}
	}
}
