package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"

	"troupe/cmd/pds/bench"
	"troupe/cmd/pds/devnet"
)

// serveForBench serves on a port of its own until the test ends.
func serveForBench(t *testing.T) (url string) {
	t.Helper()
	key, err := atcrypto.GeneratePrivateKeyK256()
	if err != nil {
		t.Fatal(err)
	}
	directory, err := devnet.OpenPLC(devnet.PLCOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { directory.Close() })
	plc, err := directory.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSettings(map[string]string{
		"PDS_PORT": strconv.Itoa(l.Addr().(*net.TCPAddr).Port), "PDS_BIND_ADDRESS": "127.0.0.1",
		"PDS_DATA_DIRECTORY": filepath.Join(t.TempDir(), "data"), "PDS_DID_PLC_URL": plc,
		"PDS_JWT_SECRET": "bench-secret", "PDS_ADMIN_PASSWORD": "bench-admin", "PDS_DEV_MODE": "true",
		"PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX": hex.EncodeToString(key.Bytes()),
	}, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	c, err := readConfig(s)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	server, err := NewServer(ctx, c, Extra{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return "http://" + l.Addr().String()
}

// Every scenario runs against this server, and the server does all it is asked.
func TestEveryBenchScenarioRuns(t *testing.T) {
	o := bench.Defaults()
	o.Servers = []bench.Server{{Name: "pds", URL: serveForBench(t), PID: os.Getpid(), AdminPassword: "bench-admin"}}
	o.Scenarios, o.StateDir = []string{"all"}, t.TempDir()
	o.Accounts, o.Workers, o.Records, o.Events, o.Subscribers, o.Stalled, o.Rate = 3, 4, 250, 50, 3, 1, 50
	o.Warmup, o.Duration = 20*time.Millisecond, 100*time.Millisecond
	report, err := bench.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Rows) != len(bench.Names()) {
		t.Errorf("%d rows for %d scenarios", len(report.Rows), len(bench.Names()))
	}
	for _, r := range report.Rows {
		t.Run(r.Scenario, func(t *testing.T) {
			switch {
			case r.Scenario == "start-up" || r.Scenario == "empty-account" || r.Scenario == "proxy":
				if !strings.Contains(r.Failed, "--start") {
					t.Errorf("a server that bench did not start: %+v", r)
				}
			case r.Failed != "" || r.NotServed:
				t.Fatalf("not served: %v; %s", r.NotServed, r.Failed)
			case r.Ops == 0 || r.Rate <= 0:
				t.Errorf("nothing was done: %+v", r)
			case len(r.Errors) > 0:
				t.Errorf("errors: %v", r.Errors)
			case r.Proved != r.Claimed || r.Scenario == "create-record-hot" && r.Claimed < r.Ops:
				t.Errorf("%d of %d proved: %q", r.Proved, r.Claimed, r.Notes)
			case r.Lost > 0 || r.Scenario[:4] == "fire" && r.Scenario != "firehose-backfill" && r.Delivered == 0:
				t.Errorf("%v delivered a second, %d lost", r.Delivered, r.Lost)
			case r.Scenario == "get-repo" && r.MBs <= 0:
				t.Error("no bytes")
			}
		})
	}
}

// A server that bench starts is this program, measured with its files, and
// nothing of it is left behind.
func TestBenchStartsAServer(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(runAsPDS, "serve --env-file "+filepath.Join(dir, "dev.env"))
	started := startedServers{progress: io.Discard}
	defer started.stop()
	if err := started.ours(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if err := new(startedServers).ours(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second run on the same folder: %v", err)
	}
	o := bench.Defaults()
	o.Servers, o.Scenarios, o.StateDir = started.servers, []string{"cold-write", "empty-account"}, dir
	o.Accounts, o.Workers, o.Awake = 3, 2, 1
	o.Warmup, o.Duration = 20*time.Millisecond, 100*time.Millisecond
	report, err := bench.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if cold := report.Rows[0]; cold.Failed != "" || cold.Ops == 0 || cold.ServerRSS <= 0 || len(cold.Errors) > 0 {
		t.Errorf("%+v", cold)
	}
	if empty := report.Rows[1]; empty.Failed != "" || len(empty.Figures) != 2 || empty.Figures[1].Value <= 0 || empty.Figures[0].Value < empty.Figures[1].Value {
		t.Errorf("%+v", empty)
	}
	if journal, err := os.ReadFile(filepath.Join(dir, devnet.JournalName)); err != nil || bytes.Count(journal, []byte("\n")) < 53 {
		t.Errorf("%d operations in the directory, %v", bytes.Count(journal, []byte("\n")), err)
	}
	pid := started.servers[0].Process.PID()
	started.stop()
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d is still there: %v", pid, err)
	}
	lock, err := lockDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	lock.Close()
}

func TestBenchWithTwoSecondServers(t *testing.T) {
	c := benchCommand{Start: true, Reference: true, Against: "http://localhost:1"}
	if err := c.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "--against") {
		t.Error(err)
	}
}
