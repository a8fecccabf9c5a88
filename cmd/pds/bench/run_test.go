package bench

import (
	"strings"
	"testing"
	"time"
)

func quick(t *testing.T, s ...Server) Options {
	o := Defaults()
	o.Servers, o.StateDir, o.Accounts, o.Workers = s, t.TempDir(), 3, 4
	o.Warmup, o.Duration = 10*time.Millisecond, 50*time.Millisecond
	return o
}

func runOne(t *testing.T, o Options, name string) Row {
	t.Helper()
	o.Scenarios = []string{name}
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r.Rows[0]
}

// A server that acknowledges and forgets is found out.
func TestLostWritesAreNotProved(t *testing.T) {
	row := runOne(t, quick(t, newFake(t, &fakePDS{})), "create-record-hot")
	if row.Ops == 0 || row.Claimed < row.Ops || row.Proved != 0 {
		t.Errorf("%d writes, %d acknowledged, %d proved", row.Ops, row.Claimed, row.Proved)
	}
	if len(row.Notes) != 1 || !strings.Contains(row.Notes[0], "NOT KEPT") || !strings.Contains(row.Notes[0], "RecordNotFound") {
		t.Errorf("%q", row.Notes)
	}
}

func TestRateLimitedRunSaysSo(t *testing.T) {
	o := quick(t, newFake(t, &fakePDS{limit: 5}))
	o.Warmup = 0
	row := runOne(t, o, "create-record")
	if !row.Limited || row.Ops != 5 || row.Errors["RateLimitExceeded"] == 0 {
		t.Errorf("%+v", row)
	}
}

func TestScenarioThatCannotRunIsReported(t *testing.T) {
	row := runOne(t, quick(t, newFake(t, &fakePDS{})), "get-record") // the fake refuses applyWrites
	if !strings.Contains(row.Failed, "RecordNotFound") || row.Ops != 0 {
		t.Errorf("%+v", row)
	}
}

func TestInviteCodes(t *testing.T) {
	fake := &fakePDS{invite: true}
	s := newFake(t, fake)
	if row := runOne(t, quick(t, s), "create-record"); !strings.Contains(row.Failed, "--admin-password") {
		t.Errorf("without a code: %q", row.Failed)
	}
	s.AdminPassword = "wrong"
	if row := runOne(t, quick(t, s), "create-record"); !strings.Contains(row.Failed, "AuthenticationRequired") {
		t.Errorf("with a wrong password: %q", row.Failed)
	}
	s.AdminPassword = "secret"
	if row := runOne(t, quick(t, s), "create-record"); row.Failed != "" || row.Ops == 0 {
		t.Errorf("minted: %+v", row)
	}
	s.AdminPassword, s.Invite = "", "minted"
	if row := runOne(t, quick(t, s), "create-record"); row.Failed != "" || row.Ops == 0 {
		t.Errorf("given: %+v", row)
	}
}

// The second run uses the accounts of the first, unless the server lost them.
func TestAccountsAreUsedAgain(t *testing.T) {
	fake := &fakePDS{}
	o := quick(t, newFake(t, fake))
	runOne(t, o, "create-record")
	path := stateFile(o.StateDir, o.Servers[0].URL)
	s, err := readState(path, o.Servers[0].URL)
	if err != nil || len(s.Accounts) != 3 {
		t.Fatalf("%+v, %v", s, err)
	}
	for _, a := range s.Accounts {
		a.DID = "did:plc:one" // whom the fake signs in
	}
	if err := s.write(path); err != nil {
		t.Fatal(err)
	}
	runOne(t, o, "create-record")
	if n := len(fake.accounts); n != 3 {
		t.Errorf("%d accounts after the second run, want 3", n)
	}
	fake.fresh = true
	runOne(t, o, "create-record")
	if n := len(fake.accounts); n != 6 {
		t.Errorf("%d accounts after the server forgot them, want 6", n)
	}
}

func TestServersTakeTurns(t *testing.T) {
	one, two := newFake(t, &fakePDS{}), newFake(t, &fakePDS{})
	one.Name, two.Name = "one", "two"
	o := quick(t, one, two)
	o.Rounds, o.Scenarios = 2, []string{"create-record", "create-record-one"}
	var said strings.Builder
	o.Progress = &said
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for line := range strings.Lines(said.String()) {
		if line = strings.TrimSpace(line); strings.HasSuffix(line, ": create-record") {
			order = append(order, line[:3])
		}
	}
	if got := strings.Join(order, " "); got != "one two one two" {
		t.Errorf("rounds: %s", got)
	}
	if len(r.Rows) != 4 || r.Rows[0].Server != "one" || r.Rows[1].Server != "two" || r.Rows[1].Scenario != "create-record" || r.Rows[3].Ops == 0 {
		t.Errorf("%+v", r.Rows)
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	o := quick(t)
	if _, err := Run(t.Context(), o); err == nil {
		t.Error("a run without a server")
	}
	o = quick(t, Server{URL: "localhost"})
	if _, err := Run(t.Context(), o); err == nil {
		t.Error("a run without a URL")
	}
	o = quick(t, Server{URL: "http://localhost:1"})
	o.Workers = 0
	if _, err := Run(t.Context(), o); err == nil {
		t.Error("a run without workers")
	}
}

// A method that a server does not have is neither a zero nor a failure, and the
// rounds after the first do not ask again.
func TestMethodThatIsNotServed(t *testing.T) {
	fake := &fakePDS{without: "repo.createRecord"}
	o := quick(t, newFake(t, fake))
	o.Rounds = 2
	row := runOne(t, o, "create-record")
	if !row.NotServed || row.Failed != "" || len(row.Errors) > 0 || row.Ops != 0 {
		t.Errorf("%+v", row)
	}
	fake.without = "server.createAccount"
	o.StateDir = t.TempDir()
	if row = runOne(t, o, "create-record"); !row.NotServed || row.Failed != "" {
		t.Errorf("in the preparation: %+v", row)
	}
}

func TestScenarioThatNeedsAStartedServerSaysSo(t *testing.T) {
	for _, name := range []string{"start-up", "empty-account"} {
		if row := runOne(t, quick(t, newFake(t, &fakePDS{})), name); !strings.Contains(row.Failed, "--start") {
			t.Errorf("%s: %+v", name, row)
		}
	}
}
