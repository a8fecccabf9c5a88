package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net"
	nethttp "net/http"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/emersion/go-smtp"

	"troupe/cmd/pds/devnet"
)

// A mail server that kills the server it takes mail from: after the mail was
// taken, and before it can be struck off the queue.
type deadlySink struct {
	mu     sync.Mutex
	taken  map[string][]string // recipient → Message-IDs
	victim *exec.Cmd           // nil: nobody is to die
	killed chan struct{}
}

func (s *deadlySink) NewSession(*smtp.Conn) (smtp.Session, error) {
	return &deadlySession{sink: s}, nil
}

type deadlySession struct {
	sink *deadlySink
	to   string
}

func (x *deadlySession) Mail(string, *smtp.MailOptions) error { return nil }
func (x *deadlySession) Rcpt(to string, _ *smtp.RcptOptions) error {
	x.to = to
	return nil
}
func (x *deadlySession) Data(r io.Reader) error {
	m, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	io.Copy(io.Discard, m.Body)
	s := x.sink
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken[x.to] = append(s.taken[x.to], m.Header.Get("Message-ID"))
	if s.victim != nil {
		s.victim.Process.Kill()
		s.victim = nil
		close(s.killed)
	}
	return nil
}
func (x *deadlySession) Reset()        {}
func (x *deadlySession) Logout() error { return nil }

func (s *deadlySink) kills(cmd *exec.Cmd) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.victim, s.killed = cmd, make(chan struct{})
	return s.killed
}

func (s *deadlySink) to(address string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.taken[address]...)
}

// What was answered is mailed although the server is killed at the worst moment;
// at most the mail of that moment comes twice, and can be known by its Message-ID.
func TestMailOutlivesKills(t *testing.T) {
	sink := &deadlySink{taken: map[string][]string{}}
	server := smtp.NewServer(sink)
	server.ErrorLog = log.New(io.Discard, "", 0) // its peer dies on purpose
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(l)
	defer server.Close()
	w := newKilledServer(t, "PDS_EMAIL_SMTP_URL=smtp://"+l.Addr().String(), "PDS_EMAIL_FROM_ADDRESS=pds@example.com")
	const people = 6
	w.start()
	for i := range people {
		w.post("createAccount", fmt.Sprintf(`{"handle":"person%d.test","email":"%d@example.com","password":"pw"}`, i, i))
	}
	for round := range people / 2 {
		killed := sink.kills(w.cmd)
		one, two := fmt.Sprintf("%d@example.com", 2*round), fmt.Sprintf("%d@example.com", 2*round+1)
		acked := map[string]bool{}
		for _, address := range []string{one, two} { // the second may find nobody there any more
			acked[address] = w.try("requestPasswordReset", `{"email":"`+address+`"}`)
		}
		select {
		case <-killed:
		case <-time.After(20 * time.Second):
			t.Fatal("no mail came")
		}
		w.cmd.Wait()
		w.start()
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			first, second := sink.to(one), sink.to(two)
			// The first was taken before the kill and, not being struck off, comes again.
			if len(first) >= 2 && (len(second) >= 1 || !acked[two]) {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("round %d: answered %v, mailed %v and %v", round, acked, first, second)
			}
		}
		if ids := sink.to(one); len(ids) != 2 || ids[0] != ids[1] {
			t.Errorf("round %d: %v", round, ids)
		}
	}
}

// killedServer is pds serve in a process of its own.
type killedServer struct {
	t   *testing.T
	env []string
	url string
	cmd *exec.Cmd
}

func newKilledServer(t *testing.T, env ...string) *killedServer {
	t.Helper()
	plc, err := devnet.OpenPLC(devnet.PLCOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { plc.Close() })
	plcURL, err := plc.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	key, err := atcrypto.GeneratePrivateKeyK256()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	w := &killedServer{t: t, url: fmt.Sprintf("http://127.0.0.1:%d", port)}
	w.env = append(os.Environ(), append(env,
		"PDS_DATA_DIRECTORY="+filepath.Join(t.TempDir(), "data"), "PDS_BIND_ADDRESS=127.0.0.1", fmt.Sprintf("PDS_PORT=%d", port), "PDS_DID_PLC_URL="+plcURL,
		"PDS_JWT_SECRET=secret", "PDS_ADMIN_PASSWORD=admin", "PDS_DEV_MODE=true", "PDS_INVITE_REQUIRED=false", "PDS_RATE_LIMITS_ENABLED=false", "LOG_LEVEL=error",
		"PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX="+hex.EncodeToString(key.Bytes()))...)
	t.Cleanup(func() {
		w.cmd.Process.Kill()
		w.cmd.Wait()
	})
	return w
}

func (w *killedServer) start() {
	w.t.Helper()
	w.cmd = pds(w.env, "serve")
	var out bytes.Buffer
	w.cmd.Stderr = &out
	if err := w.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		resp, err := nethttp.Get(w.url + "/xrpc/_health")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == nethttp.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			w.cmd.Process.Kill()
			w.cmd.Wait()
			w.t.Fatalf("the server does not start: %v\n%s", err, out.String())
		}
	}
}

// try reports whether a call was answered with 200.
func (w *killedServer) try(method, body string) bool {
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	r, err := nethttp.NewRequestWithContext(ctx, "POST", w.url+"/xrpc/com.atproto.server."+method, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := nethttp.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err == nil && resp.StatusCode == nethttp.StatusOK
}

func (w *killedServer) post(method, body string) {
	w.t.Helper()
	if !w.try(method, body) {
		w.t.Fatalf("%s was refused", method)
	}
}
