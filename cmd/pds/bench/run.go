package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// Server is one that is measured.
type Server struct {
	Name          string // in the report
	URL           string // http://host:port
	PID           int    // on this machine, for CPU and memory; 0: elsewhere
	Invite        string // code that lets every account in
	AdminPassword string // mints a code when there is none
	Profiles      string // URL of /debug/pprof/profile; "": none
	Process       *Process
}

// Options of a run. Every field has to be set; [Defaults] does.
type Options struct {
	Servers     []Server // one, or two that are compared
	Scenarios   []string // of Names, or "all"; none: the usual ones
	Accounts    int
	Hosted      int // accounts that a server has at least when its start, or many awake accounts, are measured
	Workers     int
	Warmup      time.Duration
	Duration    time.Duration // of the measured phase
	Rounds      int           // of each scenario, the servers in turns
	Records     int           // of the repository that is exported and imported
	Subscribers int
	Stalled     int     // subscribers that never read, beside those that do
	Rate        float64 // writes a second of firehose-fanout
	Events      int     // of a backfill, at least
	Awake       int     // accounts that stay awake in the cold scenarios, on a server that is started here
	StateDir    string
	ProfileDir  string // where CPU profiles of each scenario go; "": none
	Progress    io.Writer

	label string // of the scenario that runs now
	quiet int    // subscribers more, of which only the bytes are counted
}

// Defaults are the options of a short run.
func Defaults() Options {
	return Options{
		Accounts: 200, Workers: 16, Warmup: time.Second, Duration: 3 * time.Second, Rounds: 1, Records: 10_000,
		Subscribers: 50, Rate: 20, Events: 20_000, Awake: 32, Progress: io.Discard,
	}
}

func (o Options) check() error {
	switch {
	case len(o.Servers) < 1 || len(o.Servers) > 2:
		return errors.New("one server is measured, or two are compared")
	case o.Accounts < 1 || o.Workers < 1 || o.Rounds < 1 || o.Records < 1 || o.Subscribers < 1:
		return errors.New("accounts, workers, rounds, records and subscribers must be at least 1")
	case o.Duration <= 0 || o.Rate <= 0:
		return errors.New("duration and rate must be more than 0")
	case o.Hosted < 0:
		return errors.New("hosted accounts must not be fewer than 0")
	}
	return nil
}

// Run runs the scenarios, one after the other and each on every server in
// turns. A scenario that cannot be run is in the report with its reason; an
// error means that there is no report, or that ctx has ended.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	chosen, err := choose(o.Scenarios)
	if err != nil {
		return nil, err
	}
	report := &Report{Started: time.Now().UTC(), Cores: runtime.NumCPU(), LoadBefore: loadAverage(), Options: o}
	var targets []*target
	for _, s := range o.Servers {
		t, err := newTarget(ctx, s, o.StateDir, o.Progress)
		if err == nil {
			err = t.check(ctx)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.URL, err)
		}
		defer t.slow.close()
		targets = append(targets, t)
	}
	for _, s := range chosen {
		row, err := compare(ctx, s, targets, o)
		report.Rows = append(report.Rows, row...)
		if err != nil {
			return report, err
		}
	}
	report.LoadAfter = loadAverage()
	return report, nil
}

// errNotStarted is why a scenario is left out that needs the server's files, or
// its start.
var errNotStarted = errors.New("it needs a server that --start started")

// compare runs one scenario on every target, in turns.
func compare(ctx context.Context, s scenario, targets []*target, o Options) ([]Row, error) {
	tallies := make([]tally, len(targets))
	failures := make([]error, len(targets))
	for range o.Rounds {
		for i, t := range targets {
			if failures[i] != nil {
				continue
			}
			o.label = t.Name + "-" + s.name
			t.say("%s", s.name)
			round, err := t.once(ctx, s, o)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			tallies[i].add(round)
			failures[i] = err
			// The rounds to come would not find the method either.
			if failures[i] == nil && round.notServed() {
				failures[i] = errNotServed
			}
		}
	}
	var rows []Row
	for i, t := range targets {
		rows = append(rows, newRow(t.Name, s, &tallies[i], failures[i]))
	}
	return rows, nil
}

// once runs one round; a server of ours is started again with few places for
// awake accounts when that is what is measured.
func (t *target) once(ctx context.Context, s scenario, o Options) (tally, error) {
	if s.started && t.Process == nil {
		return tally{}, errNotStarted
	}
	if !s.cold || t.Process == nil {
		return s.run(ctx, t, o)
	}
	if err := t.restart(ctx, o.Awake); err != nil {
		return tally{}, err
	}
	sum, err := s.run(ctx, t, o)
	sum.note(fmt.Sprintf("%s on %s: %d accounts in turn, %d awake", s.name, t.Name, o.Accounts, o.Awake))
	return sum, errors.Join(err, t.restart(ctx, 0))
}

func (t *target) restart(ctx context.Context, awake int) error {
	t.slow.close()
	if err := t.Process.Restart(ctx, awake); err != nil {
		return fmt.Errorf("start it again: %w", err)
	}
	t.PID = t.Process.PID()
	return nil
}

// paused stops a server of ours, does something, and starts it again.
func (t *target) paused(ctx context.Context, do func() error) error {
	t.slow.close()
	if err := t.Process.Stop(); err != nil {
		return fmt.Errorf("stop it: %w", err)
	}
	if err := do(); err != nil {
		return errors.Join(err, t.restart(ctx, 0))
	}
	return t.restart(ctx, 0)
}

// profile fetches a CPU profile of the server over the measured phase; what it
// returns waits for it.
func (t *target) profile(ctx context.Context, o Options) (done func()) {
	if o.ProfileDir == "" || t.Profiles == "" {
		return func() {}
	}
	ended := make(chan error, 1)
	go func() {
		ended <- fetch(ctx, fmt.Sprintf("%s?seconds=%d", t.Profiles, max(1, int(o.Duration.Seconds()))), filepath.Join(o.ProfileDir, o.label+".pprof"))
	}()
	return func() {
		if err := <-ended; err != nil {
			t.say("no profile: %v", err)
		}
	}
}

func fetch(ctx context.Context, url, file string) error {
	r, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != 200 {
		return errors.New(answer.Status)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, answer.Body)
	return errors.Join(err, f.Close())
}
