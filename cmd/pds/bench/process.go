package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

const (
	startTime = 60 * time.Second
	stopTime  = 30 * time.Second

	// secrets is the file in which `pds dev` keeps its settings from one start
	// to the next; the cold scenarios add one.
	secrets = "dev.env"
)

// Process is a `pds dev` that belongs to this run. It keeps its ports and its
// data when it is started again.
type Process struct {
	exe, dir                 string
	port, metrics, directory int
	settings                 []byte // what dev.env held after the first start
	cmd                      *exec.Cmd
	log                      bytes.Buffer // standard error; read when the process has ended
	ended                    chan error
	Healthy                  time.Duration // from the last start to its first answer
	Idle                     float64       // MB of memory, then
}

// StartDev starts one on data in dir, which it makes; what dir held is served again.
func StartDev(ctx context.Context, exe, dir string) (*Process, error) {
	p := &Process{exe: exe, dir: dir}
	for _, port := range []*int{&p.port, &p.metrics, &p.directory} {
		var err error
		if *port, err = freePort(); err != nil {
			return nil, err
		}
	}
	if err := p.start(ctx); err != nil {
		return nil, err
	}
	var err error
	p.settings, err = os.ReadFile(filepath.Join(dir, secrets))
	return p, err
}

// Server is how a run names it.
func (p *Process) Server(name string) Server {
	return Server{
		Name: name, URL: "http://localhost:" + strconv.Itoa(p.port), PID: p.PID(), Process: p,
		Profiles: "http://127.0.0.1:" + strconv.Itoa(p.metrics) + "/debug/pprof/profile",
	}
}

// PID changes with each start.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// freePort asks the system for a port. Another program may take it before it
// is used, which the start then reports.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func (p *Process) start(ctx context.Context) error {
	p.log.Reset()
	p.cmd = exec.Command(p.exe, "dev", "--data", p.dir, "--port", strconv.Itoa(p.port),
		"--plc-port", strconv.Itoa(p.directory), "--metrics", "127.0.0.1:"+strconv.Itoa(p.metrics))
	p.cmd.Stderr = &p.log
	// A signal from the terminal goes to the run, which stops the server in order.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	begin := time.Now()
	if err := p.cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	p.ended = ended
	go func(cmd *exec.Cmd) { ended <- cmd.Wait() }(p.cmd)
	for limit := time.After(startTime); ; {
		select {
		case err := <-p.ended:
			p.ended <- err
			return fmt.Errorf("%s dev ended: %v\n%s", p.exe, err, p.log.Bytes())
		case <-limit:
			return errors.Join(errors.New("the server is not healthy after a minute"), p.Stop())
		case <-ctx.Done():
			return errors.Join(ctx.Err(), p.Stop())
		case <-time.After(time.Millisecond):
		}
		answer, err := http.Get("http://localhost:" + strconv.Itoa(p.port) + "/xrpc/_health")
		if err != nil {
			continue
		}
		answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			p.Healthy, p.Idle = time.Since(begin), megabytes(residentMemory(p.PID()))
			return nil
		}
	}
}

// Restart stops it and starts it again on the same data, with so many places
// for awake accounts; 0 is its own choice.
func (p *Process) Restart(ctx context.Context, awake int) error {
	if err := p.Stop(); err != nil {
		return err
	}
	settings := p.settings
	if awake > 0 {
		settings = fmt.Appendf(bytes.Clone(settings), "PDS_ACTOR_STORE_CACHE_SIZE=%d\n", awake)
	}
	if err := os.WriteFile(filepath.Join(p.dir, secrets), settings, 0o600); err != nil {
		return err
	}
	return p.start(ctx)
}

// Stop ends it in order, or after half a minute without. It may be called again.
func (p *Process) Stop() error {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-p.ended:
		p.ended <- err
		return err
	case <-time.After(stopTime):
		p.cmd.Process.Kill()
		return errors.New("the server did not stop and was killed")
	}
}
