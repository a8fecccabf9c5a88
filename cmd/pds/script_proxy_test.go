package main

import (
	"context"
	"encoding/base64"
	nethttp "net/http"
	"strings"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/did-method-plc/go-didplc/didplc"
	"github.com/rogpeppe/go-internal/testscript"

	"troupe/actors/identity/plc"
)

// serviceVerb makes a DID with one service, at the app view's address or at the
// one given; sets $NAME_did.
func (w *scriptWorld) serviceVerb(ts *testscript.TestScript, args []string) {
	url := ""
	if len(args) > 3 {
		url = args[3]
	} else {
		url = w.appView.server.URL
	}
	did, err := w.declare(args[1], args[2], url)
	ts.Check(err)
	ts.Setenv(args[0]+"_did", did)
}

// declare makes a DID whose document has one service.
func (w *scriptWorld) declare(id, kind, url string) (did string, err error) {
	pub, err := w.rotation.PublicKey()
	if err != nil {
		return "", err
	}
	op := &didplc.RegularOp{
		Type: "plc_operation", RotationKeys: plc.RotationKeys(pub), VerificationMethods: map[string]string{}, AlsoKnownAs: []string{},
		Services: map[string]didplc.OpService{id: {Type: kind, Endpoint: url}},
	}
	signed, err := plc.Sign(op, w.rotation)
	if err != nil {
		return "", err
	}
	if did, err = op.DID(); err != nil {
		return "", err
	}
	d := plc.NewDirectory(w.settings["PDS_DID_PLC_URL"], nethttp.DefaultClient)
	return did, d.Submit(context.Background(), syntax.DID(did), signed)
}

// signedVerb checks that the token which the app view was shown last is signed by
// the key in the account's DID document.
func (w *scriptWorld) signedVerb(ts *testscript.TestScript, args []string) {
	w.appView.mu.Lock()
	token := w.appView.token
	w.appView.mu.Unlock()
	d := plc.NewDirectory(w.settings["PDS_DID_PLC_URL"], nethttp.DefaultClient)
	last, err := d.Last(context.Background(), syntax.DID(ts.Getenv(args[0]+"_did")))
	ts.Check(err)
	key, err := atcrypto.ParsePublicDIDKey(last.(*didplc.RegularOp).VerificationMethods["atproto"])
	ts.Check(err)
	dot := strings.LastIndex(token, ".")
	sig, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	ts.Check(err)
	ts.Check(key.HashAndVerify([]byte(token[:dot]), sig)) // low S, as others demand
}
