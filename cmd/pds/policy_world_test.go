package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ncruces/go-sqlite3"

	"troupe/actors/account"
	"troupe/actors/identity/plc"
	"troupe/actors/mailbox"
	"troupe/actors/saga"
	"troupe/cmd/pds/devnet"
	"troupe/storage/keys"
)

// policyWorld is a server with an account in every state, and strangers.
type policyWorld struct {
	t         *testing.T
	url, did  string
	secret    string // of session tokens
	publicKey string // of alice
	tokenID   string // the id of a refresh token of alice
	data      string
	server    *Server
	people    map[string]*person
	vars      *strings.Replacer
	client    nethttp.Client
}

// person is somebody who has a key, and perhaps an account.
type person struct {
	did    string
	key    atcrypto.PrivateKey
	tokens map[string]string
}

func newPolicyWorld(t *testing.T) *policyWorld {
	t.Helper()
	w := &policyWorld{t: t, secret: "policy-secret", data: t.TempDir(), people: map[string]*person{}}
	rotation, err := atcrypto.GeneratePrivateKeyK256()
	w.check(err)
	directory, err := devnet.OpenPLC(devnet.PLCOptions{})
	w.check(err)
	t.Cleanup(func() { directory.Close() })
	plcURL, err := directory.Listen("127.0.0.1:0")
	w.check(err)
	// Whoever gets through to another service is told so.
	other := httptest.NewServer(nethttp.HandlerFunc(func(rw nethttp.ResponseWriter, r *nethttp.Request) {
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(400)
		io.WriteString(rw, `{"error":"Reached","message":"passed on"}`)
	}))
	t.Cleanup(other.Close)
	w.stranger("mod", rotation, plcURL)
	w.stranger("visitor", rotation, plcURL)
	settings := map[string]string{
		"PDS_DATA_DIRECTORY": w.data, "PDS_BIND_ADDRESS": "127.0.0.1", "PDS_DID_PLC_URL": plcURL,
		"PDS_JWT_SECRET": w.secret, "PDS_ADMIN_PASSWORD": "policy-admin", "PDS_DEV_MODE": "true", "PDS_INVITE_REQUIRED": "false",
		"PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX": fmt.Sprintf("%x", rotation.Bytes()),
		"PDS_MOD_SERVICE_URL":                       other.URL, "PDS_MOD_SERVICE_DID": w.people["mod"].did,
		"PDS_BSKY_APP_VIEW_URL": other.URL, "PDS_BSKY_APP_VIEW_DID": "did:web:upstream.test",
		"PDS_REPORT_SERVICE_URL": other.URL, "PDS_REPORT_SERVICE_DID": "did:web:upstream.test",
	}
	w.start(settings)
	w.populate()
	return w
}

func (w *policyWorld) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *policyWorld) start(settings map[string]string) {
	w.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	w.check(err)
	s, err := newSettings(settings, nil, "")
	w.check(err)
	c, err := readConfig(s)
	w.check(err)
	ctx, cancel := context.WithCancel(context.Background())
	w.server, err = NewServer(ctx, c, Extra{}, slog.New(slog.DiscardHandler))
	w.check(err)
	w.url, w.did = "http://"+l.Addr().String(), c.DID.String()
	w.client.Transport = &nethttp.Transport{MaxIdleConnsPerHost: 32, DisableCompression: true}
	ended := make(chan error, 1)
	go func() { ended <- w.server.Run(ctx, l) }()
	w.t.Cleanup(func() {
		cancel()
		w.client.CloseIdleConnections()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
	})
}

// stranger makes a DID that has no account here.
func (w *policyWorld) stranger(name string, rotation atcrypto.PrivateKey, plcURL string) {
	w.t.Helper()
	key, err := atcrypto.GeneratePrivateKeyK256()
	w.check(err)
	public, err := key.PublicKey()
	w.check(err)
	did, op, err := plc.Genesis(rotation, plc.GenesisInput{Handle: syntax.Handle(name + ".elsewhere.test"), Endpoint: "http://elsewhere.test", SigningKey: public})
	w.check(err)
	w.check(plc.NewDirectory(plcURL, nethttp.DefaultClient).Submit(context.Background(), did, op))
	w.people[name] = &person{did: did.String(), key: key}
}

func (w *policyWorld) populate() {
	w.t.Helper()
	for _, name := range []string{"alice", "bobby", "tessa", "dora1", "gone1"} {
		w.signUp(name)
	}
	for short, name := range map[string]string{"bob": "bobby", "tess": "tessa", "dora": "dora1", "gone": "gone1"} {
		w.people[short] = w.people[name]
		delete(w.people, name)
	}
	alice := w.people["alice"]
	for _, app := range []string{"app", "app-privileged", "app-revoked"} {
		var made struct{ Password string }
		w.must("access", "alice", "com.atproto.server.createAppPassword", fmt.Sprintf(`{"name":%q,"privileged":%v}`, app, app == "app-privileged"), &made)
		alice.tokens[app] = w.signIn("alice", made.Password, "").AccessJWT
	}
	w.must("access", "alice", "com.atproto.server.revokeAppPassword", `{"name":"app-revoked"}`, nil)
	w.tokenID = jti(w.t, alice.tokens["refresh"])
	alice.tokens["refresh-closed"] = w.signIn("alice", "alice-password", "").RefreshJWT
	w.must("refresh-closed", "alice", "com.atproto.server.deleteSession", "", nil)
	tell := func(m mailbox.Message[*saga.Sagas, saga.Done]) {
		_, err := mailbox.Ask(context.Background(), w.server.sagas, m)
		w.check(err)
	}
	tell(saga.Moderate{DID: syntax.DID(w.people["tess"].did), Takedown: saga.Applied})
	tell(saga.Deactivate{DID: syntax.DID(w.people["dora"].did)})
	tell(saga.Delete{DID: syntax.DID(w.people["gone"].did)})
	w.people["tess"].tokens["takendown"] = w.signIn("tessa", "tessa-password", `,"allowTakendown":true`).AccessJWT
	pairs := []string{"$mod", w.people["mod"].did, "$bob", w.people["bob"].did, "$alice", alice.did, "$visitor", w.people["visitor"].did}
	w.vars = strings.NewReplacer(pairs...)
}

type tokensOut struct {
	DID        string `json:"did"`
	AccessJWT  string `json:"accessJwt"`
	RefreshJWT string `json:"refreshJwt"`
}

func (w *policyWorld) signUp(name string) {
	w.t.Helper()
	var out tokensOut
	w.must("", "", "com.atproto.server.createAccount", fmt.Sprintf(`{"handle":"%s.test","email":"%s@example.com","password":"%s-password"}`, name, name, name), &out)
	vault, _, err := keys.OpenVault(w.server.config.KEK, false)
	w.check(err)
	key, err := vault.ReadSigningKey(keys.ActorDir(w.server.config.Actors, syntax.DID(out.DID)), syntax.DID(out.DID))
	w.check(err)
	w.people[name] = &person{did: out.DID, key: key, tokens: map[string]string{"access": out.AccessJWT, "refresh": out.RefreshJWT}}
	if public, err := key.PublicKey(); err == nil && name == "alice" {
		w.publicKey = string(public.Bytes())
	}
}

func (w *policyWorld) signIn(name, password, more string) (out tokensOut) {
	w.t.Helper()
	w.must("", "", "com.atproto.server.createSession", fmt.Sprintf(`{"identifier":"%s.test","password":%q%s}`, name, password, more), &out)
	return out
}

// must calls a procedure that has to succeed.
func (w *policyWorld) must(token, account, method, body string, out any) {
	w.t.Helper()
	r, err := nethttp.NewRequest("POST", w.url+"/xrpc/"+method, strings.NewReader(body))
	w.check(err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+w.people[account].tokens[token])
	}
	resp, err := w.client.Do(r)
	w.check(err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	w.check(err)
	if resp.StatusCode != 200 {
		w.t.Fatalf("%s: %d %s", method, resp.StatusCode, answer)
	}
	if out != nil {
		w.check(json.Unmarshal(answer, out))
	}
}

// fingerprint is everything that a call can change and that lasts: every row of
// the accounts and of the log, which has every change of a repository; the names
// of all files, of keys and blobs too; and what owners keep beside their
// repositories, as they see it, because their files are locked.
func (w *policyWorld) fingerprint() string {
	w.t.Helper()
	// What the log knows, the accounts' files shall show.
	_, err := mailbox.Ask(context.Background(), w.server.accounts, account.CatchUp{})
	w.check(err)
	var dump strings.Builder
	w.check(filepath.WalkDir(w.data, func(path string, d fs.DirEntry, err error) error {
		switch name := filepath.Base(path); {
		case err != nil:
			return err
		case name == "store.sqlite" || name == "did_cache.sqlite" || name == "lexicon_cache.sqlite" || strings.HasSuffix(name, "-wal") || strings.HasSuffix(name, "-shm") || name == "tempt":
			// caches, and the state of files rather than what they say
		case strings.HasSuffix(name, ".sqlite"):
			return dumpDatabase(&dump, path)
		default:
			fmt.Fprintln(&dump, path)
		}
		return nil
	}))
	for _, name := range []string{"alice", "bob", "dora"} {
		m := &ruled{query: true}
		got, text, err := w.call("app.bsky.actor.getPreferences", m, session(name, "access"))
		w.check(err)
		fmt.Fprintln(&dump, name, got, text)
	}
	return dump.String()
}

func dumpDatabase(out io.Writer, path string) error {
	db, err := sqlite3.Open("file:" + path + "?mode=ro")
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.Exec("PRAGMA busy_timeout=5000"); err != nil {
		return err
	}
	tables, err := column(db, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, table := range tables {
		if table == "head" {
			continue // what it says of repositories is in log; it also says how far they are on disk
		}
		stmt, _, err := db.Prepare(`SELECT * FROM "` + table + `"`)
		if err != nil {
			return err
		}
		rows := sha256.New()
		n := 0
		for ; stmt.Step(); n++ {
			for i := range stmt.ColumnCount() {
				fmt.Fprintf(rows, "%q|", stmt.ColumnText(i))
			}
		}
		if err := stmt.Close(); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s %s: %d rows, %x\n", path, table, n, rows.Sum(nil))
	}
	return nil
}

func column(db *sqlite3.Conn, sql string) (all []string, err error) {
	stmt, _, err := db.Prepare(sql)
	if err != nil {
		return nil, err
	}
	for stmt.Step() {
		all = append(all, stmt.ColumnText(0))
	}
	return all, stmt.Close()
}
