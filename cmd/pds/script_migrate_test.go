package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	nethttp "net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/alecthomas/kong"
	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/rogpeppe/go-internal/testscript"

	"troupe/cmd/pds/devnet"
	"troupe/cmd/pds/migrate"
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
	c.Account.Check.out, c.Account.RemoveFactors.out = &out, &out
	c.Mail.List.out, c.Mail.Show.out, c.Mail.Test.out = &out, &out, &out
	c.Audit.out = &out
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

// sameTreeVerb demands that exports hold the same records, N of them: the roots
// of their trees are equal, whoever signed them.
func (w *scriptWorld) sameTreeVerb(ts *testscript.TestScript, args []string) {
	var roots [2]migrate.Repository
	for i, folder := range args[:2] {
		var m migrate.Manifest
		ts.Check(json.Unmarshal([]byte(ts.ReadFile(folder+"/manifest.json")), &m))
		roots[i] = m.Repository
	}
	if roots[0].Data != roots[1].Data || strconv.Itoa(roots[0].Records) != args[2] || roots[0].SignedBy == roots[1].SignedBy {
		ts.Fatalf("%+v\n%+v", roots[0], roots[1])
	}
}

// answersLost are the calls of a move that change something, in their order.
var answersLost = []string{
	"com.atproto.server.createAccount", "com.atproto.repo.importRepo", "com.atproto.repo.uploadBlob", "app.bsky.actor.putPreferences",
	"com.atproto.identity.requestPlcOperationSignature", "com.atproto.identity.signPlcOperation", "com.atproto.identity.submitPlcOperation",
	"com.atproto.server.activateAccount", "com.atproto.server.deactivateAccount",
}

// lostMoveVerb moves an account to the second server in ten runs: each of the
// first nine ends with the answer to another of those calls lost on its way.
func (w *scriptWorld) lostMoveVerb(ts *testscript.TestScript, args []string) {
	ask := &mailReader{ts: ts, w: w, address: args[0] + "@example.com", password: args[0] + "-password", tried: map[string]bool{}}
	run := func(method string) (died bool, err error) {
		ctx, die := context.WithCancel(context.Background())
		defer die()
		m := &migrate.Mover{
			Account: args[0] + ".test", Old: w.server.config.URL, New: w.second.server.config.URL, PLC: w.settings["PDS_DID_PLC_URL"],
			State: filepath.Join(w.dir, "lost.json"), NewHandle: args[1], Workers: 1, Ask: ask, Say: func(string) {},
			Transport: lossy{method, die},
		}
		_, err = m.Run(ctx)
		return ctx.Err() != nil, err
	}
	for _, method := range answersLost {
		if died, err := run(method); !died {
			ts.Fatalf("%s was not called: %v", method, err)
		}
	}
	_, err := run("")
	ts.Check(err)
}

// lossy sends what it is given, and ends its process instead of answering one method.
type lossy struct {
	method string
	die    context.CancelFunc
}

func (l lossy) RoundTrip(r *nethttp.Request) (*nethttp.Response, error) {
	res, err := nethttp.DefaultTransport.RoundTrip(r)
	if err != nil || r.URL.Path != "/xrpc/"+l.method {
		return res, err
	}
	io.Copy(io.Discard, res.Body)
	res.Body.Close()
	if res.StatusCode != nethttp.StatusOK {
		return nil, fmt.Errorf("%s was refused: %s", l.method, res.Status)
	}
	l.die()
	return nil, errors.New("the answer was lost")
}

// mailReader answers with the newest code, once each.
type mailReader struct {
	ts                *testscript.TestScript
	w                 *scriptWorld
	address, password string
	tried             map[string]bool
}

func (r *mailReader) Secret(migrate.Secret, string) (string, error) { return r.password, nil }

func (r *mailReader) Code(string) (string, error) {
	all := r.w.mailTo(r.ts, r.address)
	if len(all) == 0 {
		return "", nil
	}
	code := mailedCode.FindString(all[len(all)-1].Text)
	if r.tried[code] {
		return "", nil
	}
	r.tried[code] = true
	return code, nil
}
