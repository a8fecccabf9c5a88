package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	nethttp "net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"

	"troupe/cmd/pds/devnet"
)

// runAsPDS, in the environment, makes the test binary the program itself: its
// value is the command line. Building the program again would take longer than
// the test, and would leave the race detector out.
const runAsPDS = "TROUPE_TEST_RUN_AS_PDS"

func init() {
	if args := os.Getenv(runAsPDS); args != "" {
		os.Args = append([]string{"pds"}, strings.Fields(args)...)
		main()
		os.Exit(0)
	}
}

// pds is the program with a command line.
func pds(env []string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(env, runAsPDS+"="+strings.Join(args, " "))
	return cmd
}

// crashServer is a `pds serve` process that is killed and started again on the
// same data. One goroutine starts and ends it.
type crashServer struct {
	url, plc, data string
	env            []string
	cmd            *exec.Cmd
	ended          chan error
	stderr         *bytes.Buffer // of the running process
}

// newCrashServer prepares a server with few places for many accounts. Its PLC
// directory lives in the test's process, so that identities outlive the kills.
func newCrashServer(t *testing.T, awake int, data string) *crashServer {
	t.Helper()
	directory, err := devnet.OpenPLC(devnet.PLCOptions{})
	if err != nil {
		t.Fatal(err)
	}
	plc, err := directory.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { directory.Close() })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	key, err := atcrypto.GeneratePrivateKeyK256()
	if err != nil {
		t.Fatal(err)
	}
	s := &crashServer{
		url: fmt.Sprintf("http://localhost:%d", port), plc: plc, data: data,
		env: append(os.Environ(),
			fmt.Sprintf("PDS_PORT=%d", port), "PDS_HOSTNAME=localhost", "PDS_BIND_ADDRESS=127.0.0.1",
			"PDS_DATA_DIRECTORY="+data, "PDS_DID_PLC_URL="+plc, "PDS_DEV_MODE=true", "PDS_INVITE_REQUIRED=false",
			"PDS_JWT_SECRET="+strings.Repeat("crash", 8), "PDS_ADMIN_PASSWORD=admin",
			"PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX="+hex.EncodeToString(key.Bytes()),
			fmt.Sprintf("PDS_ACTOR_STORE_CACHE_SIZE=%d", awake), "LOG_LEVEL=warn"),
	}
	t.Cleanup(func() {
		if s.cmd != nil {
			s.kill()
		}
	})
	return s
}

// start begins a process and does not wait for it.
func (s *crashServer) start(t *testing.T) {
	t.Helper()
	s.stderr = &bytes.Buffer{}
	s.cmd = pds(s.env, "serve")
	s.cmd.Stderr = s.stderr
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	cmd, ended := s.cmd, make(chan error, 1)
	s.ended = ended
	go func() { ended <- cmd.Wait() }()
}

// ready waits until the server answers, and says how long it took.
func (s *crashServer) ready(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	for time.Since(began) < 30*time.Second {
		select {
		case err := <-s.ended:
			s.cmd = nil
			t.Fatalf("the server ended by itself: %v\n%s", err, s.stderr)
		default:
		}
		if res, err := nethttp.Get(s.url + "/xrpc/_health"); err == nil {
			res.Body.Close()
			if res.StatusCode == nethttp.StatusOK {
				return time.Since(began)
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("the server does not answer\n%s", s.stderr)
	return 0
}

// kill ends the process at once. A process that had ended before says why.
func (s *crashServer) kill() error {
	err := s.cmd.Process.Kill()
	<-s.ended
	s.cmd = nil
	if errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("the server had ended by itself\n%s", s.stderr)
	}
	return err
}

// stop ends the process as an operator would.
func (s *crashServer) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	err := <-s.ended
	s.cmd = nil
	return err
}
