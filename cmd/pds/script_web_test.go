package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	nethttp "net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/auth"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/rogpeppe/go-internal/testscript"

	"troupe/cmd/pds/migrate"
)

// webIdentity is a did:web with its document, which its owner edits.
type webIdentity struct {
	did syntax.DID

	mu                    sync.Mutex // it is served while it is edited
	key, endpoint, handle string
}

func (d *webIdentity) ServeHTTP(w nethttp.ResponseWriter, r *nethttp.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{
		"id": d.did, "alsoKnownAs": []string{"at://" + d.handle},
		"verificationMethod": []any{map[string]any{"id": d.did + "#atproto", "type": "Multikey", "controller": d.did, "publicKeyMultibase": d.key}},
		"service":            []any{map[string]any{"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": d.endpoint}},
	})
}

func (d *webIdentity) edit(handle, key, endpoint string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.handle, d.key, d.endpoint = handle, strings.TrimPrefix(key, "did:key:"), endpoint
}

// webAccountVerb brings an account with a did:web of its own to this server, as
// its owner does by hand; sets $NAME_did, $NAME_query (to be asked for) and $NAME_token.
func (w *scriptWorld) webAccountVerb(ts *testscript.TestScript, args []string) {
	name, handle := args[0], args[0]+".test"
	d := &webIdentity{}
	site := httptest.NewServer(d)
	ts.Defer(site.Close)
	d.did = syntax.DID("did:web:localhost%3A" + site.URL[strings.LastIndexByte(site.URL, ':')+1:])
	key, err := atcrypto.GeneratePrivateKeyK256()
	ts.Check(err)
	public, err := key.PublicKey()
	ts.Check(err)
	d.edit(handle, public.DIDKey(), "https://nowhere.example")
	lxm := syntax.NSID("com.atproto.server.createAccount")
	token, err := auth.SignServiceAuth(d.did, w.server.config.DID.String(), time.Minute, &lxm, key)
	ts.Check(err)
	w.xrpcVerb(ts, []string{"-bearer", token, "200", "POST", lxm.String(),
		fmt.Sprintf(`{"did":"%s","handle":"%s","email":"%s@example.com","password":"%s-password"}`, d.did, handle, name, name)})
	w.keepVerb(ts, []string{name + "_token", `"accessJwt":"([^"]+)"`})
	ts.Setenv(name+"_did", d.did.String())
	ts.Setenv(name+"_query", url.QueryEscape(d.did.String()))
	w.xrpcVerb(ts, []string{"-as", name, "400:InvalidRequest", "POST", "com.atproto.server.activateAccount"})
	w.xrpcVerb(ts, []string{"-as", name, "200", "GET", "com.atproto.identity.getRecommendedDidCredentials"})
	var want struct{ VerificationMethods map[string]string }
	ts.Check(json.Unmarshal([]byte(w.last), &want))
	d.edit(handle, want.VerificationMethods["atproto"], w.server.config.URL)
	w.xrpcVerb(ts, []string{"-as", name, "200", "POST", "com.atproto.server.activateAccount"})
	w.web = d
}

// webMoveVerb moves that account to the second server; its owner does what the
// command says, and nothing else.
func (w *scriptWorld) webMoveVerb(ts *testscript.TestScript, args []string) {
	var said bytes.Buffer
	m := &migrate.Mover{
		Account: w.web.did.String(), Old: w.server.config.URL, New: w.second.server.config.URL, PLC: w.settings["PDS_DID_PLC_URL"],
		State: filepath.Join(w.dir, "web.json"), NewHandle: args[1], Workers: 1,
		Ask: &mailReader{ts: ts, w: w, address: args[0] + "@example.com", password: args[0] + "-password", tried: map[string]bool{}},
		Say: func(s string) {
			fmt.Fprintln(&said, s)
			if !strings.Contains(s, "is yours to change") {
				return
			}
			find := func(re string) string { return regexp.MustCompile(re).FindStringSubmatch(s)[1] }
			w.web.edit(find(`at://([^"]+)`), find(`"publicKeyMultibase": "([^"]+)"`), find(`"serviceEndpoint": "([^"]+)"`))
		},
	}
	_, err := m.Run(context.Background())
	io.Copy(ts.Stdout(), &said)
	ts.Check(err)
}
