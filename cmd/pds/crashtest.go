package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"troupe/cmd/pds/crashtest"
)

// crashtestCommand is `pds crashtest`.
type crashtestCommand struct {
	Kind     string        `help:"kill: kill -9. power: cut the power (root, Linux). startup: kill -9 during recovery. full: fill the disk (root, Linux)." enum:"kill,power,startup,full" default:"kill"`
	Rounds   int           `help:"Crashes; 0 goes on for --time." default:"100"`
	Time     time.Duration `help:"No crash begins after this." default:"1h"`
	Dir      string        `help:"Empty folder for data, image and logs. The default is a temporary one." type:"path"`
	Seed     uint64        `help:"Chooses what is written, and when the server dies. 0 is a random one."`
	Keep     bool          `help:"Leave everything in the folder."`
	Writers  int           `help:"Clients that write at a time." default:"64"`
	Accounts int           `help:"Accounts that they share." default:"80"`
	Awake    int           `help:"Accounts that are awake at a time." default:"32"`
	Large    int           `help:"Accounts with 10,000 records before the first crash." default:"2"`
	Every    int           `help:"Rounds between full audits." default:"25"`
}

// errCrashtest is the exit of a campaign that found something.
var errCrashtest = errors.New("the server did not keep its word")

// Run crashes a server of its own and prints what became of it.
func (c *crashtestCommand) Run(ctx context.Context) error {
	dir := c.Dir
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "pds-crashtest-"); err != nil {
			return err
		}
		defer os.Remove(dir) // stays if something was left in it
	} else if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	report, err := crashtest.Run(ctx, crashtest.Options{
		Kind: crashtest.Kind(c.Kind), Rounds: c.Rounds, For: c.Time, Dir: dir, Seed: c.Seed, Keep: c.Keep,
		Writers: c.Writers, Accounts: c.Accounts, Awake: c.Awake, Large: c.Large, AuditEvery: c.Every, Out: os.Stderr,
	})
	if report == nil {
		return err
	}
	report.Write(os.Stdout)
	if err != nil {
		return fmt.Errorf("crashtest: %w", err)
	}
	if !report.OK() {
		return errCrashtest
	}
	return nil
}
