package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"troupe/cmd/pds/crashtest"
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

// crashTime is how long the kills go on; PDS_CRASH_TIME makes it longer.
func crashTime(t *testing.T) time.Duration {
	s := os.Getenv("PDS_CRASH_TIME")
	if s == "" {
		return 12 * time.Second
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// crashSeed chooses what is written and when the server dies; PDS_CRASH_SEED
// chooses it again.
func crashSeed(t *testing.T) (seed uint64) {
	if s := os.Getenv("PDS_CRASH_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	return seed
}

// A server that is killed at random moments under load loses nothing that it
// answered, does nothing twice, forks no repository and gives no number of the
// firehose twice.
func TestKilledServerKeepsWhatItAnswered(t *testing.T) {
	dir := t.TempDir()
	report, err := crashtest.Run(t.Context(), crashtest.Options{
		Kind: crashtest.Kill, For: crashTime(t), Seed: crashSeed(t), Dir: dir, Keep: true,
		Writers: 32, Accounts: 40, Awake: 12, AuditEvery: -1, // few places, so that kills hit evictions too
		Command: pds, Out: t.Output(),
		Look: func(ctx context.Context, url, plc string) error {
			out, err := pds(os.Environ(), "audit", url, "--plc", plc).CombinedOutput()
			if err != nil {
				return fmt.Errorf("pds audit: %w\n%s", err, out)
			}
			return nil
		},
	})
	if report == nil {
		t.Fatal(err)
	}
	report.Write(t.Output())
	if err != nil || !report.OK() {
		log, _ := os.ReadFile(dir + "/server.log")
		t.Errorf("the server did not keep its word: %v\nPDS_CRASH_SEED=%d\n%s", err, report.Seed, log[max(0, len(log)-20_000):])
	}
	if report.Acks.Committed < 100 || report.Rounds+report.Nested < 2 {
		t.Errorf("%d commits and %d kills prove little", report.Acks.Committed, report.Rounds+report.Nested)
	}
}

// A server that is killed while accounts are deleted, deactivated, activated and
// taken down has done each of these or has not, and finishes what it began.
func TestKilledServerLeavesNoHalfAccount(t *testing.T) {
	dir := t.TempDir()
	report, err := crashtest.RunLives(t.Context(), crashtest.Options{For: crashTime(t) / 2, Seed: crashSeed(t), Dir: dir, Command: pds})
	if report == nil {
		t.Fatal(err)
	}
	report.Write(t.Output())
	if err != nil || len(report.Broken) > 0 {
		log, _ := os.ReadFile(dir + "/server.log")
		t.Errorf("%v\nPDS_CRASH_SEED=%d\n%s", err, report.Seed, log[max(0, len(log)-20_000):])
	}
	if report.Rounds == 0 || report.Deleted == 0 {
		t.Errorf("%d kills and %d deletions prove little", report.Rounds, report.Deleted)
	}
}
