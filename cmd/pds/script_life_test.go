package main

import (
	"context"
	nethttp "net/http"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/rogpeppe/go-internal/testscript"

	"troupe/actors/identity/plc"
	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/storage/accountdb"
)

// repointVerb has an account's DID name the key that it signs with here, and the
// server of URL.
func (w *scriptWorld) repointVerb(ts *testscript.TestScript, args []string) {
	did := syntax.DID(ts.Getenv(args[0] + "_did"))
	ctx := context.Background()
	key, err := mailbox.Ask(ctx, w.server.repos.Of(did.String()), repo.SigningKey{})
	ts.Check(err)
	d := plc.NewDirectory(w.settings["PDS_DID_PLC_URL"], nethttp.DefaultClient)
	last, err := d.Last(ctx, did)
	ts.Check(err)
	op, err := plc.Next(last)
	ts.Check(err)
	op.VerificationMethods["atproto"] = key
	pds := op.Services["atproto_pds"]
	pds.Endpoint = w.server.config.URL
	if len(args) > 1 {
		pds.Endpoint = args[1]
	}
	op.Services["atproto_pds"] = pds
	signed, err := plc.Sign(op, w.rotation)
	ts.Check(err)
	ts.Check(d.Submit(ctx, did, signed))
}

// ageVerb makes the code that an account was mailed an hour older.
func (w *scriptWorld) ageVerb(ts *testscript.TestScript, args []string) {
	ctx, did := context.Background(), syntax.DID(ts.Getenv(args[0]+"_did"))
	db, err := accountdb.Open(ctx, w.server.config.Accounts, accountdb.Options{})
	ts.Check(err)
	defer db.Close()
	ts.Check(db.Transact(ctx, func(t *accountdb.Tx) error {
		k, found, err := t.EmailToken(accountdb.Purpose(args[1]), did)
		if err != nil || !found {
			ts.Fatalf("no code: %v", err)
		}
		k.RequestedAt = k.RequestedAt.Add(-time.Hour)
		return t.PutEmailToken(k)
	}))
}
