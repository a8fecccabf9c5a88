package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

const (
	startTime = 60 * time.Second
	stopTime  = 30 * time.Second

	// probing is the pause between two looks whether a server is healthy: short
	// beside a start of tens of milliseconds, long beside what a look costs.
	probing = 2 * time.Millisecond
)

// Process is a server that belongs to this run. It keeps its ports and its
// data when it is started again.
type Process struct {
	dir      string // what belongs to the run: data, secrets, the remembered accounts
	data     string // what belongs to the server, below dir
	port     int
	profiles string
	tenth    bool // prepare a tenth of what others are given to work off
	// command makes it anew for each start; awake is how many accounts it may
	// keep open, 0 its own choice.
	command  func(awake int) *exec.Cmd
	settings []string // NAME=value, besides those that every start has

	cmd     *exec.Cmd
	log     bytes.Buffer // standard error; read when the process has ended
	ended   chan error
	Healthy time.Duration // from the last start to its first answer
	Idle    float64       // MB of memory, then
}

// Server is how a run names it.
func (p *Process) Server(name string) Server {
	return Server{Name: name, URL: "http://localhost:" + strconv.Itoa(p.port), PID: p.PID(), Process: p, Profiles: p.profiles}
}

// PID changes with each start.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// freePorts asks the system for ports. Another program may take one before it
// is used, which the start then reports.
func freePorts(ports ...*int) error {
	for _, p := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer l.Close() // only when all are chosen: no port is chosen twice
		*p = l.Addr().(*net.TCPAddr).Port
	}
	return nil
}

func (p *Process) start(ctx context.Context, awake int) error {
	p.log.Reset()
	p.cmd = p.command(awake)
	p.cmd.Env = append(p.cmd.Env, p.settings...)
	p.cmd.Stderr = &p.log
	p.cmd.SysProcAttr = ownGroup()
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
			return fmt.Errorf("%s ended: %v\n%s", filepath.Base(p.cmd.Path), err, p.log.Bytes())
		case <-limit:
			return errors.Join(errors.New("the server is not healthy after a minute"), p.Stop())
		case <-ctx.Done():
			return errors.Join(ctx.Err(), p.Stop())
		case <-time.After(probing):
		}
		answer, err := http.Get("http://127.0.0.1:" + strconv.Itoa(p.port) + "/xrpc/_health")
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
	return p.start(ctx, awake)
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
