package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/alecthomas/kong"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/rogpeppe/go-internal/testscript"

	"troupe/actors/account"
	"troupe/actors/mailbox"
)

// operateVerb runs a command of the operator as main does.
func (w *scriptWorld) operateVerb(ts *testscript.TestScript, args []string) {
	file := ts.MkAbs("operator.env")
	ts.Check(os.WriteFile(file, []byte("PDS_ADMIN_PASSWORD="+w.settings["PDS_ADMIN_PASSWORD"]+"\nPDS_CRAWLERS="+w.settings["PDS_CRAWLERS"]+"\n"), 0o600))
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	var c commands
	var out bytes.Buffer
	k, err := kong.New(&c, kong.Name("pds"), kong.Vars{"version": version}, kong.Writers(&out, &out),
		kong.BindTo(context.Background(), (*context.Context)(nil)), kong.Bind(connectTo(&out)))
	ts.Check(err)
	parsed, err := k.Parse(append(args[1:], "--host", w.url, "--env-file", file))
	if err == nil {
		err = parsed.Run()
	}
	code := 0
	if err != nil {
		code = 1
		fmt.Fprintln(&out, "pds:", err)
	}
	w.last = out.String()
	fmt.Fprint(ts.Stdout(), w.last)
	if code != want {
		ts.Fatalf("exit code %d, want %d: %s", code, want, w.last)
	}
}

func (w *scriptWorld) admitVerb(ts *testscript.TestScript, args []string) {
	_, err := mailbox.Ask(context.Background(), w.server.accounts, account.Admit{DID: syntax.DID(ts.Getenv(args[0] + "_did"))})
	ts.Check(err)
}
