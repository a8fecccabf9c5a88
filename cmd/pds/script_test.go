package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	nethttp "net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/coder/websocket"
	"github.com/fxamacker/cbor/v2"
	"github.com/ipfs/go-cid"
	"github.com/rogpeppe/go-internal/testscript"

	"troupe/actors/account"
	"troupe/actors/identity/plc"
	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/actors/sweeper"
	"troupe/cmd/pds/devnet"
	"troupe/sequencing"
	"troupe/storage/blob/blobtest"
)

// TestScripts runs testdata/script/*.txtar against the production wiring.
//
//	server [NAME=value…]         start a server with its own PLC directory
//	restart [NAME=value…]        stop it in order and start it again on the same data; what it left is checked
//	halt                         only the first half of that
//	fsck CODE REGEXP [DID]       pds fsck on the data: its exit code, and what it prints
//	account NAME [STATUS]        sign up NAME.test; sets $NAME_did, $NAME_token, $NAME_refresh
//	setstatus NAME STATUS        what moderation or the owner would do
//	takedown NAME CID [REF]      take a blob down, or without REF show it again
//	bucket                       open a bucket
//	usebucket both|only          restart with it, beside the folder of blobs or without
//	moveblobs CODE REGEXP [dry]  pds blobs move: its exit code, and what it prints
//	upstream STATUS TYPE BODY    start, or change, the service that knows about other servers' accounts
//	asked REGEXP                 what that service was asked last
//	appview NSID STATUS BODY ['K: v']…
//	                             start an app view, or change what it answers to a method; {{name}} in BODY stands for $name
//	appviewasked                 print what the app view was asked since the last time
//	service NAME ID TYPE [URL]   a DID whose document has a service, at the app view's address; sets $NAME_did
//	signed NAME                  the token that the app view was shown last is signed by the account's key
//	session NAME NEW SCOPE       another session of the account: of an app password, or of one that was taken down
//	repoint NAME [URL]           have the account's DID name its present key and this server, or another
//	age NAME PURPOSE             make the code that the account was mailed an hour older
//	tombstone NAME               end the account's DID in the PLC directory
//	watch NAME true|false        look whether somebody else changed the account's DID
//	xrpc [-as NAME | -refresh NAME | -admin | -bearer TOKEN] [-H 'K: v']… WANT METHOD PATH [BODY]
//	                             WANT is a status, or status:ErrorName; BODY is text, @file, hex:… or zeros:N;
//	                             the body goes to stdout, the headers to stderr
//	many N [xrpc arguments]      N such requests at once, which must all have that status; the last one's headers go to stderr
//	firehose CURSOR N            print N events from CURSOR (or "live"); also error frames
//	sweep CHORE                  what the sweeper does of its own accord now and then; prints what it removed
//	mail ADDRESS REGEXP          the newest mail to an address goes to stdout and has REGEXP in its subject; sets $code to the code in it
//	totp enrol|code|next|remove NAME
//	                             an authenticator app: put it in force ($recovery is a recovery code), set $code to
//	                             its code of now or of 30 s later, or have the operator remove it
//	keep_code                    set $code to the code that was printed last
//	mailtried ID                 wait until a mail has been tried once
//	nomail ADDRESS N             no more than N mails have been sent to an address
//	second [NAME=value…]         start a second server with the same PLC directory; sets $first, $second and $plc
//	on second VERB …             a verb on the second server
//	lostmove NAME NEW-HANDLE     move NAME.test to the second server, in runs that lose an answer each
//	webaccount NAME              bring NAME.test with a did:web of its own to this server
//	webmove NAME NEW-HANDLE      move that one to the second server, with its owner doing what is said
//	sametree FOLDER FOLDER N     two exports hold the same N records, signed by different keys
//	pds CODE REGEXP ARGS…        a command of the command line: its exit code, and what it prints
//	admit NAME                   the first half of letting a sign-up in, as if the server died before the second
//	operate CODE ARG…            pds ARG… of an operator, and its exit code
//	keep NAME REGEXP             set $NAME to the first group of REGEXP in the last answer
//	save FILE                    write the last answer to a file
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Values["world"] = &scriptWorld{dir: env.WorkDir, mails: devnet.NewMailbox(1000)}
			env.Defer(func() {
				if err := env.Values["world"].(*scriptWorld).stop(); err != nil {
					env.T().Fatal(err)
				}
			})
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"server": verb((*scriptWorld).serverVerb), "restart": verb((*scriptWorld).restartVerb),
			"halt": verb((*scriptWorld).haltVerb), "fsck": verb((*scriptWorld).fsckVerb),
			"account": verb((*scriptWorld).accountVerb), "setstatus": verb((*scriptWorld).setStatusVerb),
			"takedown": verb((*scriptWorld).takedownVerb), "sweep": verb((*scriptWorld).sweepVerb), "tombstone": verb((*scriptWorld).tombstoneVerb), "repoint": verb((*scriptWorld).repointVerb), "watch": verb((*scriptWorld).watchVerb), "age": verb((*scriptWorld).ageVerb),
			"upstream": verb((*scriptWorld).upstreamVerb), "asked": verb((*scriptWorld).askedVerb),
			"appview": verb((*scriptWorld).appViewVerb), "appviewasked": verb((*scriptWorld).appViewAskedVerb), "session": verb((*scriptWorld).sessionVerb),
			"service": verb((*scriptWorld).serviceVerb), "signed": verb((*scriptWorld).signedVerb),
			"bucket": verb((*scriptWorld).bucketVerb), "usebucket": verb((*scriptWorld).useBucketVerb), "moveblobs": verb((*scriptWorld).moveBlobsVerb),
			"xrpc": verb((*scriptWorld).xrpcVerb), "firehose": verb((*scriptWorld).firehoseVerb), "keep": verb((*scriptWorld).keepVerb),
			"admit":     verb((*scriptWorld).admitVerb),
			"keep_code": verb((*scriptWorld).keepCodeVerb), "mailtried": verb((*scriptWorld).mailTriedVerb),
			"save": verb((*scriptWorld).saveVerb), "many": verb((*scriptWorld).manyVerb), "mail": verb((*scriptWorld).mailVerb), "totp": verb((*scriptWorld).totpVerb), "nomail": verb((*scriptWorld).noMailVerb),
			"second": verb((*scriptWorld).secondVerb), "on": verb((*scriptWorld).onVerb), "pds": verb((*scriptWorld).pdsVerb), "sametree": verb((*scriptWorld).sameTreeVerb), "lostmove": verb((*scriptWorld).lostMoveVerb), "webaccount": verb((*scriptWorld).webAccountVerb), "webmove": verb((*scriptWorld).webMoveVerb), "operate": verb((*scriptWorld).operateVerb),
		},
	})
}

func verb(fn func(*scriptWorld, *testscript.TestScript, []string)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg {
			ts.Fatalf("! is not supported: state the expected answer")
		}
		fn(ts.Value("world").(*scriptWorld), ts, args)
	}
}

// scriptWorld is one server and the directory it lives in.
type scriptWorld struct {
	dir      string
	settings map[string]string
	plc      *devnet.PLC
	rotation atcrypto.PrivateKey
	upstream *otherServer
	mails    *devnet.Mailbox
	appView  *appView
	bucket   *blobtest.Bucket // nil: none is open
	second   *scriptWorld     // nil: there is only one server
	web      *webIdentity     // of webaccount
	server   *Server
	cancel   context.CancelFunc
	ended    chan error
	url      string
	last     string
}

func (w *scriptWorld) serverVerb(ts *testscript.TestScript, args []string) {
	key, err := atcrypto.GeneratePrivateKeyK256()
	ts.Check(err)
	w.rotation = key
	w.plc, err = devnet.OpenPLC(devnet.PLCOptions{})
	ts.Check(err)
	plcURL, err := w.plc.Listen("127.0.0.1:0")
	ts.Check(err)
	w.settings = map[string]string{
		"PDS_DATA_DIRECTORY": filepath.Join(w.dir, "data"), "PDS_BIND_ADDRESS": "127.0.0.1", "PDS_DID_PLC_URL": plcURL,
		"PDS_JWT_SECRET": "script-secret", "PDS_ADMIN_PASSWORD": "script-admin", "PDS_DEV_MODE": "true", "PDS_INVITE_REQUIRED": "false",
		"PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX": fmt.Sprintf("%x", key.Bytes()),
	}
	w.set(args)
	w.start(ts)
}

func (w *scriptWorld) set(args []string) {
	for _, a := range args {
		k, v, _ := strings.Cut(a, "=")
		w.settings[k] = v
	}
}

func (w *scriptWorld) start(ts *testscript.TestScript) {
	l, err := net.Listen("tcp", "127.0.0.1:"+w.settings["PDS_PORT"])
	ts.Check(err)
	w.settings["PDS_PORT"] = strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	s, err := newSettings(w.settings, nil, "")
	ts.Check(err)
	c, err := readConfig(s)
	ts.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel, w.ended, w.url = cancel, make(chan error, 1), "http://"+l.Addr().String()
	extra := Extra{CheckOutput: true}
	if _, own := w.settings["PDS_EMAIL_SMTP_URL"]; !own { // also "", which is no mail server at all
		extra.Mail = deliver(w.mails)
	}
	w.server, err = NewServer(ctx, c, extra, slog.New(slog.DiscardHandler))
	ts.Check(err)
	server := w.server // halt forgets it, perhaps before this has begun
	go func() { w.ended <- server.Run(ctx, l) }()
}

// halt stops the server in order. What it leaves on disk must be sound.
func (w *scriptWorld) halt() error {
	if w.server == nil {
		return nil
	}
	w.cancel()
	w.server = nil
	if err := <-w.ended; err != nil {
		return err
	}
	out, err := w.fsck("")
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

func (w *scriptWorld) fsck(did string) (string, error) {
	var out strings.Builder
	c := fsckCommand{Set: w.places(), DID: did, out: &out}
	err := c.Run(context.Background())
	return out.String(), err
}

func (w *scriptWorld) fsckVerb(ts *testscript.TestScript, args []string) {
	did := ""
	if len(args) > 2 {
		did = args[2]
	}
	out, err := w.fsck(did)
	code := exitError{}
	errors.As(err, &code)
	if err != nil {
		out += err.Error()
	}
	if want, _ := strconv.Atoi(args[0]); code.code != want || !regexp.MustCompile(args[1]).MatchString(out) {
		ts.Fatalf("exit code %d:\n%s", code.code, out)
	}
}

func (w *scriptWorld) haltVerb(ts *testscript.TestScript, _ []string) { ts.Check(w.halt()) }

func (w *scriptWorld) stop() error {
	err := w.halt()
	if w.second != nil {
		err = errors.Join(err, w.second.halt())
	}
	if w.upstream != nil {
		w.upstream.server.Close()
	}
	if w.appView != nil {
		w.appView.server.Close()
	}
	if w.plc != nil {
		w.plc.Close()
	}
	return err
}

func (w *scriptWorld) restartVerb(ts *testscript.TestScript, args []string) {
	ts.Check(w.halt())
	w.set(args)
	w.start(ts)
}

func (w *scriptWorld) accountVerb(ts *testscript.TestScript, args []string) {
	name := args[0]
	body := fmt.Sprintf(`{"handle":"%s.test","email":"%s@example.com","password":"%s-password"}`, name, name, name)
	w.xrpcVerb(ts, []string{"200", "POST", "com.atproto.server.createAccount", body})
	var out struct{ DID, AccessJwt, RefreshJwt string }
	ts.Check(json.Unmarshal([]byte(w.last), &out))
	ts.Setenv(name+"_did", out.DID)
	ts.Setenv(name+"_token", out.AccessJwt)
	ts.Setenv(name+"_refresh", out.RefreshJwt)
	if len(args) > 1 {
		w.setStatusVerb(ts, args)
	}
}

func (w *scriptWorld) sweepVerb(ts *testscript.TestScript, args []string) {
	removed, err := mailbox.Ask(context.Background(), w.server.sweeper, sweeper.Sweep{Chore: sweeper.Chore(args[0])})
	ts.Check(err)
	out, err := json.Marshal(removed)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%s\n", out)
}

func (w *scriptWorld) setStatusVerb(ts *testscript.TestScript, args []string) {
	status, ok := sequencing.ParseStatus(args[1])
	if !ok {
		ts.Fatalf("no status %q", args[1])
	}
	did := syntax.DID(ts.Getenv(args[0] + "_did"))
	_, err := mailbox.Ask(context.Background(), w.server.repos.Of(did.String()), repo.SetStatus{Status: status})
	ts.Check(err)
	_, err = mailbox.Ask(context.Background(), w.server.accounts, account.CatchUp{})
	ts.Check(err)
}

func (w *scriptWorld) tombstoneVerb(ts *testscript.TestScript, args []string) {
	did := syntax.DID(ts.Getenv(args[0] + "_did"))
	d := plc.NewDirectory(w.settings["PDS_DID_PLC_URL"], nethttp.DefaultClient)
	last, err := d.Last(context.Background(), did)
	ts.Check(err)
	op, err := plc.Tombstone(last, w.rotation)
	ts.Check(err)
	ts.Check(d.Submit(context.Background(), did, op))
}

func (w *scriptWorld) takedownVerb(ts *testscript.TestScript, args []string) {
	c, err := cid.Decode(args[1])
	ts.Check(err)
	m := repo.TakedownBlob{CID: c}
	if len(args) > 2 {
		m.Ref = args[2]
	}
	did := syntax.DID(ts.Getenv(args[0] + "_did"))
	ts.Check(repo.TakeDown(context.Background(), w.server.blobs, w.server.repos.Of(did.String()), did, m))
}

// bodyOf is what a BODY stands for.
func bodyOf(ts *testscript.TestScript, arg string) string {
	switch form, rest, _ := strings.Cut(arg, ":"); {
	case strings.HasPrefix(arg, "@"):
		return ts.ReadFile(arg[1:])
	case form == "hex":
		b, err := hex.DecodeString(rest)
		ts.Check(err)
		return string(b)
	case form == "zeros":
		n, err := strconv.Atoi(rest)
		ts.Check(err)
		return strings.Repeat("\x00", n)
	}
	return arg
}

func (w *scriptWorld) xrpcVerb(ts *testscript.TestScript, args []string) {
	r, want := w.request(ts, args)
	resp, err := nethttp.DefaultClient.Do(r)
	ts.Check(err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	ts.Check(err)
	w.last = string(answer)
	fmt.Fprintf(ts.Stdout(), "%s\n", answer)
	resp.Header.Write(ts.Stderr())
	var e struct{ Error string }
	json.Unmarshal(answer, &e)
	status, name, named := strings.Cut(want, ":")
	if strconv.Itoa(resp.StatusCode) != status || named && e.Error != name {
		ts.Fatalf("%s %s: %d %.400s, want %s", r.Method, r.URL, resp.StatusCode, answer, want)
	}
}

// request makes the request that the arguments of xrpc describe.
func (w *scriptWorld) request(ts *testscript.TestScript, args []string) (r *nethttp.Request, want string) {
	header := nethttp.Header{}
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		switch args[0] {
		case "-admin":
			r := &nethttp.Request{Header: header}
			r.SetBasicAuth("admin", "script-admin")
			args = args[1:]
			continue
		case "-as":
			header.Set("Authorization", "Bearer "+ts.Getenv(args[1]+"_token"))
		case "-refresh":
			header.Set("Authorization", "Bearer "+ts.Getenv(args[1]+"_refresh"))
		case "-bearer":
			header.Set("Authorization", "Bearer "+args[1])
		case "-H":
			k, v, _ := strings.Cut(args[1], ": ")
			header.Add(k, v)
		}
		args = args[2:]
	}
	method, path := args[1], args[2]
	var body io.Reader
	if len(args) > 3 {
		body = strings.NewReader(bodyOf(ts, args[3]))
		if header.Get("Content-Type") == "" {
			header.Set("Content-Type", "application/json")
		}
	}
	if !strings.HasPrefix(path, "/") {
		path = "/xrpc/" + path
	}
	r, err := nethttp.NewRequest(method, w.url+path, body)
	ts.Check(err)
	r.Header = header
	if h := header.Get("Host"); h != "" {
		r.Host = h
	}
	return r, args[0]
}

func (w *scriptWorld) keepVerb(ts *testscript.TestScript, args []string) {
	m := regexp.MustCompile(args[1]).FindStringSubmatch(w.last)
	if len(m) < 2 {
		ts.Fatalf("%q is not in %.400s", args[1], w.last)
	}
	ts.Setenv(args[0], m[1])
}

func (w *scriptWorld) saveVerb(ts *testscript.TestScript, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(w.last), 0o600))
}

// firehoseVerb prints one line an event: its type and what tells it from others.
func (w *scriptWorld) firehoseVerb(ts *testscript.TestScript, args []string) {
	url := "ws" + w.url[len("http"):] + "/xrpc/com.atproto.sync.subscribeRepos"
	if args[0] != "live" {
		url += "?cursor=" + args[0]
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, url, nil)
	ts.Check(err)
	defer conn.CloseNow()
	conn.SetReadLimit(8 << 20)
	for range n {
		_, frame, err := conn.Read(ctx)
		if err != nil {
			fmt.Fprintf(ts.Stdout(), "closed %v\n", websocket.CloseStatus(err))
			return
		}
		d := cbor.NewDecoder(bytes.NewReader(frame))
		var head, event map[string]any
		ts.Check(d.Decode(&head))
		ts.Check(d.Decode(&event))
		line := fmt.Sprintf("op=%v t=%v", head["op"], head["t"])
		for _, k := range []string{"error", "name", "did", "repo", "handle", "active", "status"} {
			if v, ok := event[k]; ok {
				line += fmt.Sprintf(" %s=%v", k, v)
			}
		}
		if ops, ok := event["ops"].([]any); ok {
			for _, op := range ops {
				line += fmt.Sprintf(" %v:%v", op.(map[any]any)["action"], op.(map[any]any)["path"])
			}
		}
		fmt.Fprintln(ts.Stdout(), line)
	}
}
