package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"troupe/cmd/pds/bench"
)

// benchCommand is `pds bench`.
type benchCommand struct {
	URL           string        `arg:"" optional:"" help:"Server to measure, such as http://localhost:2583. It needs no rate limits and open sign-up, an invite code or the operator's password."`
	Start         bool          `help:"Start a server with fresh data and measure that."`
	Data          string        `help:"Data of the server that --start starts: kept, and served again by the next run." type:"path"`
	Reference     bool          `help:"Start the reference server (npm's @atproto/pds) too and compare. It is installed in the cache on first use, and its data kept there."`
	PID           int           `name:"pid" help:"Process of the server, for its CPU and memory."`
	Against       string        `help:"URL of a second server: both are measured in turns, and the first compared with it."`
	PID2          int           `name:"pid2" help:"Process of the second server."`
	Invite        string        `help:"Invite code for the accounts that are made."`
	Invite2       string        `name:"invite2" help:"The same on the second server."`
	AdminPassword string        `help:"Operator's password, to make an invite code." env:"PDS_ADMIN_PASSWORD"`
	Admin2        string        `name:"admin-password2" help:"The same of the second server."`
	Scenario      []string      `short:"s" help:"What to run, or all; --list shows them."`
	List          bool          `help:"List the scenarios; those that are run without -s have a star."`
	Accounts      int           `help:"Accounts that the load is spread over; about 30 are made a second, once. The default is 200, and 50 with --reference."`
	Hosted        int           `help:"Accounts that the server has at least when start-up and awake-account measure it. 10000 take some minutes, once with --data."`
	Workers       int           `help:"Clients that write or read at a time." default:"16"`
	Duration      time.Duration `help:"Measured time of a scenario." default:"3s"`
	Warmup        time.Duration `help:"Time before it." default:"1s"`
	Rounds        int           `help:"How often each scenario runs; 2 with --against." default:"0"`
	Records       int           `help:"Records of the repository that get-repo exports and import-repo imports." default:"10000"`
	Subscribers   int           `help:"Subscribers of the firehose scenarios." default:"50"`
	Stalled       int           `help:"Subscribers more, that never read."`
	Rate          float64       `help:"Writes a second of firehose-fanout." default:"20"`
	Events        int           `help:"Events that firehose-backfill replays, at least." default:"20000"`
	Awake         int           `help:"Accounts that stay awake in the cold scenarios of a started server." default:"32"`
	Profile       string        `help:"Folder for CPU profiles of each scenario on a started server." type:"path"`
	State         string        `help:"Folder that remembers the accounts that were made. The default is in the user's cache." type:"path"`
	JSON          bool          `name:"json" help:"Print the report as JSON." xor:"form"`
	Markdown      bool          `help:"Print the report as a Markdown table." xor:"form"`
}

// Run measures and prints.
func (c *benchCommand) Run(ctx context.Context) (err error) {
	if c.List {
		fmt.Print(bench.Describe())
		return nil
	}
	switch {
	case c.Start == (c.URL != ""):
		return errors.New("bench: name the URL of a server, or --start one")
	case c.Reference && c.Against != "":
		return errors.New("bench: --reference and --against name a second server each: two are compared, not three")
	}
	debug.SetGCPercent(400) // the server needs the cores more than this process the memory
	o := c.options()
	if o.StateDir == "" {
		if o.StateDir, err = os.UserCacheDir(); err != nil {
			o.StateDir = os.TempDir()
		}
		o.StateDir = filepath.Join(o.StateDir, "troupe-bench")
	}
	started := startedServers{progress: os.Stderr}
	defer started.stop()
	if c.Start {
		if err := started.ours(ctx, c.Data); err != nil {
			return err
		}
		o.Servers = started.servers
	} else {
		o.Servers = append(o.Servers, bench.Server{Name: "first", URL: c.URL, PID: c.PID, Invite: c.Invite, AdminPassword: c.AdminPassword})
	}
	switch {
	case c.Reference:
		if err := started.reference(ctx, o.StateDir); err != nil {
			return err
		}
		o.Servers = append(o.Servers, started.servers[len(started.servers)-1])
	case c.Against != "":
		o.Servers = append(o.Servers, bench.Server{Name: "against", URL: c.Against, PID: c.PID2, Invite: c.Invite2, AdminPassword: c.Admin2})
	}
	report, err := bench.Run(ctx, o)
	if report == nil {
		return err
	}
	report.Notes = append(report.Notes, started.notes...)
	if c.JSON {
		return errors.Join(err, report.WriteJSON(os.Stdout))
	}
	if c.Markdown {
		return errors.Join(err, report.WriteMarkdown(os.Stdout))
	}
	return errors.Join(err, report.WriteTable(os.Stdout))
}

func (c *benchCommand) options() bench.Options {
	o := bench.Options{
		Scenarios: c.Scenario, Accounts: c.Accounts, Hosted: c.Hosted, Workers: c.Workers, Warmup: c.Warmup, Duration: c.Duration, Rounds: c.Rounds,
		Records: c.Records, Subscribers: c.Subscribers, Stalled: c.Stalled, Rate: c.Rate, Events: c.Events, Awake: c.Awake,
		StateDir: c.State, ProfileDir: c.Profile, Progress: os.Stderr,
	}
	if o.Accounts == 0 {
		o.Accounts = bench.Defaults().Accounts
		if c.Reference {
			o.Accounts = 50 // it makes 13 to 23 a second
		}
	}
	if o.Rounds == 0 {
		o.Rounds = 1
		if c.Against != "" || c.Reference {
			o.Rounds = 2
		}
	}
	return o
}
