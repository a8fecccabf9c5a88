package crashtest

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"time"
)

// Kind is what a round does to the server.
type Kind string

// The kinds of a campaign.
const (
	Kill    Kind = "kill"
	Power   Kind = "power"
	Startup Kind = "startup"
	Full    Kind = "full"
)

// Options of a campaign. Zero fields are filled in by [Run].
type Options struct {
	Kind   Kind
	Rounds int           // 0: until For has passed
	For    time.Duration // from the first round on; no round begins after it; 0: an hour
	Dir    string        // must exist; see doc.go
	Seed   uint64        // chooses what is written and when; 0: a random one
	Keep   bool          // leave everything in Dir

	Writers      int // clients that write at a time
	Accounts     int // that they share
	Awake        int // of these, at a time
	Large        int // accounts with LargeRecords records before the first crash
	LargeRecords int
	AuditEvery   int // rounds between full audits; -1: only at the end
	ImageMiB     int // size of the file system of Power and Full

	// Command is the program with a command line: the server. nil: this program.
	Command func(env []string, args ...string) *exec.Cmd
	// Look is what else looks at the server in a full audit. nil: nothing.
	Look func(ctx context.Context, url, plc string) error
	Out  io.Writer // progress; nil: none
}

func (o *Options) fill() error {
	switch o.Kind {
	case Kill, Power, Startup, Full:
	default:
		return fmt.Errorf("crashtest: unknown kind %q", o.Kind)
	}
	if info, err := os.Stat(o.Dir); err != nil || !info.IsDir() {
		return fmt.Errorf("crashtest: %q is not a folder", o.Dir)
	}
	if o.For == 0 {
		o.For = time.Hour
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	set := func(to *int, otherwise int) {
		if *to == 0 {
			*to = otherwise
		}
	}
	set(&o.Writers, 64)
	set(&o.Accounts, 80)
	set(&o.Awake, 32)
	set(&o.LargeRecords, 10_000)
	set(&o.AuditEvery, 25)
	set(&o.ImageMiB, 4096)
	if o.Kind == Full {
		o.ImageMiB = min(o.ImageMiB, 512) // there is a ballast to be written
	}
	if o.Out == nil {
		o.Out = io.Discard
	}
	if o.Command == nil {
		exe, err := os.Executable()
		if err != nil {
			return err
		}
		o.Command = func(env []string, args ...string) *exec.Cmd {
			cmd := exec.Command(exe, args...)
			cmd.Env = env
			return cmd
		}
	}
	return nil
}
