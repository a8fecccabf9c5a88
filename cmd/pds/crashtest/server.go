package crashtest

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"

	"troupe/cmd/pds/devnet"
)

// readyTime is how long a start may take before it counts as failed.
const readyTime = 60 * time.Second

// server is a `pds serve` process that is killed and started again on the same
// data. One goroutine starts and ends it.
type server struct {
	url, plc string
	command  func(env []string, args ...string) *exec.Cmd
	env      []string
	log      *os.File     // stderr of every process
	cuts     atomic.Int64 // beginnings and ends of power cuts: odd while the disk is gone and the process is not
	client   *http.Client

	directory *devnet.PLC
	cmd       *exec.Cmd // nil: none runs
	began     time.Time
	ended     chan error
}

// newServer prepares a server; nothing runs yet but its PLC directory.
func newServer(o Options, data string) (_ *server, err error) {
	s := &server{command: o.Command, client: &http.Client{Timeout: 10 * time.Second}}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.log, err = os.Create(filepath.Join(o.Dir, "server.log")); err != nil {
		return nil, err
	}
	if s.directory, err = devnet.OpenPLC(devnet.PLCOptions{}); err != nil {
		return nil, err
	}
	if s.plc, err = s.directory.Listen("127.0.0.1:0"); err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	key, err := atcrypto.GeneratePrivateKeyK256()
	if err != nil {
		return nil, err
	}
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "PDS_") {
			s.env = append(s.env, kv)
		}
	}
	s.url = fmt.Sprintf("http://localhost:%d", port)
	s.env = append(s.env,
		fmt.Sprintf("PDS_PORT=%d", port), "PDS_HOSTNAME=localhost", "PDS_BIND_ADDRESS=127.0.0.1",
		"PDS_DATA_DIRECTORY="+data, "PDS_DID_PLC_URL="+s.plc, "PDS_DEV_MODE=true", "PDS_INVITE_REQUIRED=false",
		"PDS_RATE_LIMITS_ENABLED=false",
		"PDS_JWT_SECRET="+strings.Repeat("crash", 8), "PDS_ADMIN_PASSWORD="+operatorPassword,
		"PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX="+hex.EncodeToString(key.Bytes()),
		fmt.Sprintf("PDS_ACTOR_STORE_CACHE_SIZE=%d", o.Awake), "LOG_LEVEL=warn")
	return s, nil
}

// freePort is a port below those that outgoing connections are given.
func freePort() (int, error) {
	var err error
	for range 100 {
		port := 20_000 + rand.IntN(12_000)
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("crashtest: no free port: %w", err)
}

// start begins a process and does not wait for it.
func (s *server) start() error {
	s.cmd = s.command(s.env, "serve")
	s.cmd.Stderr, s.cmd.Stdout = s.log, s.log
	s.cmd.SysProcAttr = ownGroup()
	s.began = time.Now()
	cmd, started, ended := s.cmd, make(chan error), make(chan error, 1)
	s.ended = ended
	go func() {
		runtime.LockOSThread() // the server dies with the thread that started it
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		s.cmd = nil
		return err
	}
	return nil
}

// endedError is a server that ended by itself.
type endedError struct{ err error }

func (e endedError) Error() string { return fmt.Sprintf("the server ended by itself: %v", e.err) }

// ready waits until the server answers, and says how long that took from its start.
func (s *server) ready(ctx context.Context) (time.Duration, error) {
	for time.Since(s.began) < readyTime {
		if err := s.alive(); err != nil {
			return 0, err
		}
		if res, err := s.client.Get(s.url + "/xrpc/_health"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return time.Since(s.began), nil
			}
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(3 * time.Millisecond):
		}
	}
	return 0, fmt.Errorf("the server does not answer for %s", readyTime)
}

// alive fails with an [endedError] if the process has ended.
func (s *server) alive() error {
	select {
	case err := <-s.ended:
		s.cmd = nil
		return endedError{err}
	default:
		return nil
	}
}

// kill ends the process at once. One that had ended before is an [endedError].
func (s *server) kill() error {
	err := s.cmd.Process.Kill()
	how := <-s.ended
	s.cmd = nil
	if errors.Is(err, os.ErrProcessDone) {
		return endedError{how}
	}
	var exit *exec.ExitError
	if errors.As(how, &exit) {
		if w, ok := exit.Sys().(syscall.WaitStatus); ok && !w.Signaled() {
			return endedError{how}
		}
	}
	return err
}

// stop ends the process as an operator would.
func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-s.ended:
		s.cmd = nil
		return err
	case <-time.After(30 * time.Second):
		return errors.Join(errors.New("the server does not stop"), s.kill())
	}
}

func (s *server) close() {
	if s.cmd != nil {
		_ = s.kill()
	}
	if s.directory != nil {
		s.directory.Close()
	}
	if s.log != nil {
		s.log.Close()
	}
}
