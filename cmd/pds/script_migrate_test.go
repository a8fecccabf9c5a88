package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/alecthomas/kong"
	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/rogpeppe/go-internal/testscript"

	"troupe/cmd/pds/devnet"
)

// secondVerb starts another server that shares the PLC directory of the first.
// It is spoken to with `on second VERB …`; $second and $first are their addresses.
func (w *scriptWorld) secondVerb(ts *testscript.TestScript, args []string) {
	key, err := atcrypto.GeneratePrivateKeyK256()
	ts.Check(err)
	w.second = &scriptWorld{dir: filepath.Join(w.dir, "second"), mails: devnet.NewMailbox(1000), rotation: key}
	w.second.settings = map[string]string{
		"PDS_DATA_DIRECTORY": filepath.Join(w.second.dir, "data"), "PDS_BIND_ADDRESS": "127.0.0.1", "PDS_DID_PLC_URL": w.settings["PDS_DID_PLC_URL"],
		"PDS_JWT_SECRET": "second-secret", "PDS_ADMIN_PASSWORD": "script-admin", "PDS_DEV_MODE": "true", "PDS_INVITE_REQUIRED": "false",
		"PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX": fmt.Sprintf("%x", key.Bytes()),
	}
	w.second.set(args)
	w.second.start(ts)
	ts.Setenv("first", w.server.config.URL)
	ts.Setenv("second", w.second.server.config.URL)
	ts.Setenv("plc", w.settings["PDS_DID_PLC_URL"])
	ts.Setenv("rotation", w.settings["PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX"])
}

// secondVerbs are those that make sense for the second server.
var secondVerbs = map[string]func(*scriptWorld, *testscript.TestScript, []string){
	"account": (*scriptWorld).accountVerb, "xrpc": (*scriptWorld).xrpcVerb, "firehose": (*scriptWorld).firehoseVerb,
	"mail": (*scriptWorld).mailVerb, "keep": (*scriptWorld).keepVerb, "save": (*scriptWorld).saveVerb,
	"halt": (*scriptWorld).haltVerb, "restart": (*scriptWorld).restartVerb, "setstatus": (*scriptWorld).setStatusVerb,
	"pds": (*scriptWorld).pdsVerb,
}

func (w *scriptWorld) onVerb(ts *testscript.TestScript, args []string) {
	if w.second == nil || args[0] != "second" || secondVerbs[args[1]] == nil {
		ts.Fatalf("on second VERB …, after second")
	}
	secondVerbs[args[1]](w.second, ts, args[2:])
}

// pdsVerb runs a command of the command line that is no server: CODE, what its
// output or error is to have in it, and its arguments. Standard input is empty.
func (w *scriptWorld) pdsVerb(ts *testscript.TestScript, args []string) {
	code, err := strconv.Atoi(args[0])
	ts.Check(err)
	var out bytes.Buffer
	nothing, err := os.Open(os.DevNull)
	ts.Check(err)
	defer nothing.Close()
	var c commands
	ctx := context.Background()
	c.Account.Export.in, c.Account.Export.out, c.Account.Export.progress = nothing, &out, &out
	c.Account.MigrateIn.in, c.Account.MigrateIn.out = nothing, &out
	c.Account.Check.out = &out
	k, err := kong.New(&c, kong.Name("pds"), kong.Vars{"version": version}, kong.BindTo(ctx, (*context.Context)(nil)), kong.Writers(&out, &out))
	ts.Check(err)
	parsed, err := k.Parse(args[2:])
	if err == nil {
		err = parsed.Run()
	}
	ended := 0
	if err != nil {
		fmt.Fprintln(&out, "pds:", err)
		exit := exitError{code: 1}
		errors.As(err, &exit)
		ended = exit.code
	}
	fmt.Fprint(ts.Stdout(), out.String())
	if ended != code || !regexp.MustCompile(args[1]).Match(out.Bytes()) {
		ts.Fatalf("exit code %d:\n%s", ended, out.String())
	}
}
