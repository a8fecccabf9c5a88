package main

import (
	"context"
	"strconv"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/rogpeppe/go-internal/testscript"
)

// watchVerb looks at an account's DID and compares what came of it.
func (w *scriptWorld) watchVerb(ts *testscript.TestScript, args []string) {
	changed, err := w.server.watch.Look(context.Background(), syntax.DID(ts.Getenv(args[0]+"_did")))
	ts.Check(err)
	if strconv.FormatBool(changed) != args[1] {
		ts.Fatalf("changed elsewhere: %v", changed)
	}
}
