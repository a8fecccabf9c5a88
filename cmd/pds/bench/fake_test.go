package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
)

// fakePDS is a server that misbehaves in ways that a real one only sometimes
// does. It keeps nothing of what it acknowledges.
type fakePDS struct {
	mu       sync.Mutex
	accounts map[string]bool
	key      atcrypto.PrivateKey
	creates  atomic.Int64
	invite   bool   // wants codes
	limit    int64  // creates after which it answers 429; 0: never
	fresh    bool   // knows no account
	without  string // a method that it does not have
	batches  bool   // takes them
	blobs    sync.Map
	imported atomic.Pointer[[]byte]
	lies     atomic.Bool // keeps no import and gives out other blobs
}

func newFake(t *testing.T, f *fakePDS) Server {
	t.Helper()
	var err error
	if f.key, err = atcrypto.GeneratePrivateKeyP256(); err != nil {
		t.Fatal(err)
	}
	f.accounts = map[string]bool{}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return Server{Name: "fake", URL: s.URL}
}

func refuse(w http.ResponseWriter, status int, name string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":%q,"message":"no"}`, name)
}

func (f *fakePDS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := strings.TrimPrefix(r.URL.Path, "/xrpc/com.atproto.")
	if method == f.without {
		refuse(w, 501, "MethodNotImplemented")
		return
	}
	switch method {
	case "server.describeServer":
		fmt.Fprintf(w, `{"availableUserDomains":[".test"],"inviteCodeRequired":%v}`, f.invite)
	case "server.createInviteCode":
		if user, password, ok := r.BasicAuth(); !ok || user != "admin" || password != "secret" {
			refuse(w, 401, "AuthenticationRequired")
			return
		}
		fmt.Fprint(w, `{"code":"minted"}`)
	case "server.createAccount":
		f.createAccount(w, r)
	case "server.getSession", "server.refreshSession", "server.createSession":
		if f.fresh {
			refuse(w, 401, "AuthenticationRequired")
			return
		}
		fmt.Fprint(w, `{"did":"did:plc:one","handle":"one.test","accessJwt":"a","refreshJwt":"r"}`)
	case "repo.createRecord":
		n := f.creates.Add(1)
		if f.limit > 0 && n > f.limit {
			w.Header().Set("Retry-After", "60")
			refuse(w, 429, "RateLimitExceeded")
			return
		}
		fmt.Fprintf(w, `{"uri":"at://did:plc:one/%s/key%d","cid":"bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"}`, collection, n)
	case "repo.describeRepo":
		pub, _ := f.key.PublicKey()
		fmt.Fprintf(w, `{"didDoc":{"verificationMethod":[{"id":"did:plc:one#atproto","publicKeyMultibase":%q}]}}`, pub.Multibase())
	case "/xrpc/" + proxiedMethod:
		if r.Header.Get("Authorization") == "" || r.URL.RawQuery != "limit=50" {
			refuse(w, 400, "InvalidRequest")
			return
		}
		answer, err := http.Get(os.Getenv("PDS_BSKY_APP_VIEW_URL") + r.URL.Path)
		if err != nil {
			refuse(w, 502, "UpstreamFailure")
			return
		}
		defer answer.Body.Close()
		io.Copy(w, answer.Body)
	case "repo.uploadBlob":
		f.uploadBlob(w, r)
	case "sync.getBlob":
		f.getBlob(w, r)
	case "repo.importRepo":
		f.importRepo(w, r)
	case "sync.getRepo":
		f.getRepo(w, r)
	case "repo.applyWrites", "repo.putRecord":
		if !f.batches {
			refuse(w, 400, "RecordNotFound")
		}
	default:
		refuse(w, 400, "RecordNotFound")
	}
}

func (f *fakePDS) createAccount(w http.ResponseWriter, r *http.Request) {
	var in struct{ Handle, Password, InviteCode string }
	json.NewDecoder(r.Body).Decode(&in)
	if f.invite && in.InviteCode != "minted" {
		refuse(w, 400, "InvalidInviteCode")
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.accounts[in.Handle] || in.Password == "" {
		refuse(w, 400, "HandleNotAvailable")
		return
	}
	f.accounts[in.Handle] = true
	if dir := os.Getenv("PDS_DATA_DIRECTORY"); dir != "" {
		own := filepath.Join(dir, "actors", "00", did(in.Handle))
		os.MkdirAll(own, 0o700)
		os.WriteFile(filepath.Join(own, "store"), make([]byte, 16<<10), 0o600)
	}
	fmt.Fprintf(w, `{"did":%q,"handle":%q,"accessJwt":"a","refreshJwt":"r"}`, did(in.Handle), in.Handle)
}

func did(handle string) string { return "did:plc:" + strings.ReplaceAll(handle, ".", "") }

// TestMain is also a server that can be started: see fakeServer.
func TestMain(m *testing.M) {
	if os.Getenv("BENCH_FAKE_SERVER") != "" && len(os.Args) > 1 && (os.Args[1] == "serve" || strings.HasPrefix(os.Args[1], "--env-file")) {
		fakeServer()
		return
	}
	rest = time.Millisecond
	os.Exit(m.Run())
}

// fakeServer is set up as both kinds of started servers are, and answers
// with its arguments and settings.
func fakeServer() {
	if os.Getenv("BENCH_FAKE_SERVER") == "broken" {
		fmt.Fprintln(os.Stderr, "no disk")
		os.Exit(1)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	l, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PDS_PORT"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.MkdirAll(os.Getenv("PDS_DATA_DIRECTORY"), 0o700)
	begin := time.Now()
	f := &fakePDS{accounts: map[string]bool{}}
	f.key, _ = atcrypto.GeneratePrivateKeyP256()
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case time.Since(begin) < 20*time.Millisecond:
			w.WriteHeader(503)
		case r.URL.Path == "/":
			fmt.Fprintln(w, strings.Join(os.Args[1:], " "))
			for _, e := range os.Environ() {
				if strings.HasPrefix(e, "PDS_") {
					fmt.Fprintln(w, e)
				}
			}
		case r.URL.Path == "/xrpc/_health":
		default:
			f.ServeHTTP(w, r)
		}
	}))
	<-stop
}
