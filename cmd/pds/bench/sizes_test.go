package bench

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func figureOf(row Row, name string) Figure {
	for _, f := range row.Figures {
		if f.Name == name {
			return f
		}
	}
	return Figure{}
}

// Each figure of a started server comes from that server and its files.
func TestSizesOfAStartedServer(t *testing.T) {
	p, err := StartServer(t.Context(), self(t), t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	o := quick(t, p.Server("fake"))
	row := runOne(t, o, "empty-account")
	// The fake writes 16 KiB in a folder of its own for each account.
	if f := figureOf(row, "kB of that in its folder"); row.Failed != "" || f.Value < 16 || f.Value > 64 {
		t.Errorf("%+v", row)
	}
	if f := figureOf(row, "kB of disk for each"); f.Value < 16 || f.Value > 64 || row.Ops != newAccounts {
		t.Errorf("%+v", row)
	}
	first := p.PID()
	o = quick(t, p.Server("fake"))
	o.Hosted = newAccounts + 3
	row = runOne(t, o, "start-up")
	if f := figureOf(row, "MB at rest"); row.Failed != "" || f.Times != startsOfOne || f.Value <= 0 || row.P50 <= 0 || row.Rate != 0 {
		t.Errorf("%+v", row)
	}
	if p.PID() == first || !strings.Contains(strings.Join(row.Notes, " "), "53 accounts") {
		t.Errorf("%q", row.Notes)
	}
}

// The server is told of the app view, asks it, and forgets it afterwards.
func TestProxied(t *testing.T) {
	p, err := StartServer(t.Context(), self(t), t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	row := runOne(t, quick(t, p.Server("fake")), "proxy")
	if row.Failed != "" || row.Ops == 0 || len(row.Errors) > 0 || p.settings != nil {
		t.Errorf("%+v", row)
	}
	for _, name := range []string{"1 clients /s", "64 clients direct /s", "512 clients /s"} {
		if f := figureOf(row, name); f.Value <= 0 {
			t.Errorf("%s: %+v", name, row.Figures)
		}
	}
}

func TestOnDisk(t *testing.T) {
	dir := t.TempDir()
	empty, err := onDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(dir, "ab", "did:plc:one")
	if err := os.MkdirAll(own, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(own, "store"), make([]byte, 100<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	if full, err := onDisk(dir); err != nil || full < empty+100<<10 {
		t.Errorf("%d bytes after %d, %v", full, empty, err)
	}
	if found, err := folderOf(dir, &account{DID: "did:plc:one"}); err != nil || found != own {
		t.Errorf("%q, %v", found, err)
	}
	if _, err := folderOf(dir, &account{DID: "did:plc:two"}); err == nil {
		t.Error("a folder that is not there")
	}
}

// Rounds give the mean of their measurements, however many each made.
func TestFiguresOfRounds(t *testing.T) {
	var one, two tally
	one.figure("MB", 10)
	two.figure("MB", 40)
	two.figure("MB", 40)
	two.figure("kB", 5)
	one.add(two)
	if len(one.figures) != 2 || one.figures[0] != (Figure{"MB", 30, 3}) || one.figures[1] != (Figure{"kB", 5, 1}) {
		t.Errorf("%+v", one.figures)
	}
	ours, theirs := Row{Figures: one.figures}, Row{Figures: []Figure{{"MB", 60, 1}}}
	if got := ratioLine(ours, theirs); !strings.Contains(got, "MB 0.5x") || strings.Contains(got, "kB") {
		t.Errorf("%q", got)
	}
	if got := ours.more(); got != "30.0 MB; 5.00 kB" {
		t.Errorf("%q", got)
	}
	if got := (Row{Scenario: "x", Server: "y", NotServed: true}).line(); !strings.Contains(got, "not served") || strings.Count(got, "\t") != strings.Count(ours.line(), "\t") {
		t.Errorf("%q", got)
	}
}
