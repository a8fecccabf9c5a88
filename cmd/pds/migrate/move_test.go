package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/did-method-plc/go-didplc/didplc"

	"troupe/actors/identity/plc"
)

func TestHandlesAreKept(t *testing.T) {
	for _, c := range []struct {
		name, wanted, was string
		old, here         []string
		want              syntax.Handle // "": refused
	}{
		{"one of its own", "", "alice.example.com", []string{".old.net"}, []string{".new.net"}, "alice.example.com"},
		{"the old server's", "", "alice.old.net", []string{".old.net"}, []string{".new.net"}, ""},
		{"a new one", "Alice.new.net", "alice.old.net", []string{".old.net"}, []string{".new.net"}, "alice.new.net"},
		{"the same domain", "", "alice.old.net", []string{".old.net"}, []string{".old.net"}, "alice.old.net"},
		{"none", "", "handle.invalid", nil, []string{".new.net"}, ""},
		{"nonsense", "no handle", "alice.example.com", nil, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			old := newFakePDS(t)
			old.answer["com.atproto.server.describeServer"] = func(w http.ResponseWriter, r *http.Request) {
				say(w, 200, map[string]any{"did": "did:web:old.net", "availableUserDomains": c.old})
			}
			m := &Mover{NewHandle: c.wanted, old: old.client(t), here: described{AvailableUserDomains: c.here}, state: &State{Handle: syntax.Handle(c.was)}}
			err := m.chooseHandle()
			if (err == nil) != (c.want != "") || m.state.NewHandle != c.want {
				t.Errorf("%q, %v", m.state.NewHandle, err)
			}
			if p := (*Problem)(nil); err != nil && (!errors.As(err, &p) || p.Do == "" && c.wanted == "") {
				t.Errorf("says nothing of use: %v", err)
			}
		})
	}
}

// Rotation keys that the user has added stay, those of the old server go.
func TestRotationKeys(t *testing.T) {
	old := newFakePDS(t)
	theirs := []string{"did:key:old"}
	old.answer["com.atproto.identity.getRecommendedDidCredentials"] = func(w http.ResponseWriter, r *http.Request) {
		say(w, 200, credentials{RotationKeys: theirs, VerificationMethods: map[string]string{"atproto": "did:key:s"},
			Services: map[string]didplc.OpService{plc.ServiceID: {Endpoint: "https://old.net"}}})
	}
	m := &Mover{old: old.client(t), Say: func(string) {}}
	for name, c := range map[string]struct{ present, wanted, want []string }{
		"none":        {[]string{"did:key:old"}, []string{"did:key:new"}, []string{"did:key:new"}},
		"own, first":  {[]string{"did:key:own", "did:key:old"}, []string{"did:key:new"}, []string{"did:key:own", "did:key:new"}},
		"there twice": {[]string{"did:key:new", "did:key:old"}, []string{"did:key:new"}, []string{"did:key:new"}},
		"too many": {[]string{"did:key:1", "did:key:2", "did:key:3", "did:key:4", "did:key:old"}, []string{"did:key:r", "did:key:new"},
			[]string{"did:key:1", "did:key:2", "did:key:3", "did:key:r", "did:key:new"}},
	} {
		if got := m.rotationKeys(t.Context(), c.present, c.wanted); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
	delete(old.answer, "com.atproto.identity.getRecommendedDidCredentials") // it does not say which are its own
	if got := m.rotationKeys(t.Context(), []string{"did:key:own", "did:key:old"}, []string{"did:key:new"}); !slices.Equal(got, []string{"did:key:new"}) {
		t.Errorf("an old server that says nothing: %v", got)
	}
}

func TestStates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	want := State{DID: testDID, Old: "https://old.net", New: "https://new.net"}
	s, err := loadState(path, want)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.finish(stepAccount); err != nil {
		t.Fatal(err)
	}
	if s, err = loadState(path, want); err != nil || !s.done(stepAccount) || s.done(stepBlobs) {
		t.Errorf("%+v, %v", s, err)
	}
	want.New = "https://another.net"
	if _, err := loadState(path, want); err == nil {
		t.Error("gone on to another server")
	}
	want.New, want.DID = "https://new.net", "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
	if _, err := loadState(path, want); err == nil {
		t.Error("gone on with another account")
	}
}

// The owner of a did:web is told what to change, and waited for.
func TestDocumentsOfTheWeb(t *testing.T) {
	key, err := atcrypto.GeneratePrivateKeyK256()
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	endpoint, multibase := "https://old.net", "zQ3shXjHeiBuRCKmM36cuYnm7YEMzhGnCmCyW92sRJ9pribSF"
	var did syntax.DID
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/.well-known/did.json" {
			http.NotFound(w, r)
			return
		}
		say(w, 200, map[string]any{
			"id":                 did,
			"verificationMethod": []any{map[string]any{"id": "#atproto", "type": "Multikey", "controller": did, "publicKeyMultibase": multibase}},
			"service":            []any{map[string]any{"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": endpoint}},
		})
	}))
	defer web.Close()
	did = syntax.DID("did:web:localhost%3A" + web.URL[strings.LastIndexByte(web.URL, ':')+1:])
	fake := newFakePDS(t)
	var said []string
	m := &Mover{Say: func(s string) { said = append(said, s) }, dir: newDirectory("http://localhost:9"), new: fake.client(t),
		state: &State{DID: did, NewHandle: "alice.example.com"}}
	looks := 0
	m.new.wait = func(context.Context, time.Duration) error {
		switch looks++; looks {
		case 1:
			endpoint = "https://new.net"
		case 2:
			multibase = public.Multibase()
		default:
			return errors.New("still waiting")
		}
		return nil
	}
	want := credentials{VerificationMethods: map[string]string{"atproto": public.DIDKey()}, Services: map[string]didplc.OpService{plc.ServiceID: {Endpoint: "https://new.net"}}}
	if err := m.waitForDocument(t.Context(), want); err != nil || looks != 2 {
		t.Errorf("%v after %d looks", err, looks)
	}
	all := strings.Join(said, "\n")
	for _, tell := range []string{"/.well-known/did.json is yours to change", public.Multibase(), `"serviceEndpoint": "https://new.net"`, "at://alice.example.com", "still names the server", "does not have the new key"} {
		if !strings.Contains(all, tell) {
			t.Errorf("%q is not said in %s", tell, all)
		}
	}
}

func TestWebAddresses(t *testing.T) {
	for did, want := range map[syntax.DID]string{
		"did:web:example.com": "https://example.com/.well-known/did.json", "did:web:localhost%3A99": "http://localhost:99/.well-known/did.json",
		"did:web:example.com:path": "", "did:key:z6Mk": "",
	} {
		if got, err := webAddress(did); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", did, got, err)
		}
	}
}

func TestWhatMayNotBeWritten(t *testing.T) {
	all := []json.RawMessage{[]byte(`{"$type":"app.bsky.actor.defs#declaredAgePref"}`), []byte(`{"$type":"app.bsky.actor.defs#adultContentPref"}`)}
	reordered := []json.RawMessage{[]byte(`{"b":[1,2],"a":1}`), all[1]}
	if !same([]json.RawMessage{all[1], []byte(`{"a":1, "b":[1,2]}`)}, reordered) || same(all, reordered) || same(nil, all) {
		t.Error("what is the same")
	}
	if got := writable(all); len(got) != 1 || string(got[0]) != string(all[1]) {
		t.Errorf("%s", got)
	}
}
