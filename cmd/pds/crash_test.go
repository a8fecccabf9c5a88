package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	nethttp "net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/cmd/pds/audit"
)

const (
	crashWriters  = 32
	crashAccounts = 40
	crashAwake    = 12 // fewer than there are, so that kills hit evictions too
)

// crashTime is how long the kills go on; PDS_CRASH_TIME makes it longer.
func crashTime(t *testing.T) time.Duration {
	s := os.Getenv("PDS_CRASH_TIME")
	if s == "" {
		return 14 * time.Second
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// crashSeed chooses what is written and when the server dies; PDS_CRASH_SEED
// chooses it again.
func crashSeed(t *testing.T) uint64 {
	seed := rand.Uint64()
	if s := os.Getenv("PDS_CRASH_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("PDS_CRASH_SEED=%d", seed)
	return seed
}

// A server that is killed at random moments under load loses nothing that it
// answered, does nothing twice, forks no repository and gives no number of the
// firehose twice.
func TestKilledServerKeepsWhatItAnswered(t *testing.T) {
	seed, ctx := crashSeed(t), t.Context()
	s := newCrashServer(t, crashAwake, t.TempDir())
	began := time.Now()
	step := func(what string) { t.Logf("%6.2fs %s", time.Since(began).Seconds(), what) }
	s.start(t)
	s.ready(t)
	accounts := signUpAll(t, s.url)
	step("signed up")
	f := follow(ctx, s)

	var acks audit.Acks
	var answers tally
	stopWriters := startWriters(ctx, t, s.url, seed, accounts, &acks, &answers)
	stopNewcomers := startNewcomers(ctx, t, s.url)
	kills := killLoop(t, s, rand.New(rand.NewPCG(seed, 1)), crashTime(t))
	step("killed for the last time")
	newcomers := stopNewcomers()
	step("newcomers")
	stopWriters()
	step("stopped writing")

	f.catchUp(t, s, slices.Concat(accounts, newcomers))
	f.stop()
	step("firehose read")
	a := f.auditor
	auditAll(t, a, rand.New(rand.NewPCG(seed, 2)))
	step("replayed and exported")
	counts := a.CheckAcks(&acks)
	for _, n := range newcomers {
		if a.Content(n.DID) == nil {
			t.Errorf("%s was signed up and is not on the firehose", n.Handle)
		}
	}
	for _, acc := range accounts {
		n := 0
		for path := range a.Content(acc.DID) {
			if strings.HasPrefix(path, likes+"/") {
				n++
			}
		}
		if n > subjects {
			t.Errorf("%s has %d likes of %d subjects", acc.Handle, n, subjects)
		}
	}
	for i, finding := range a.Findings {
		if t.Errorf("%s", finding); i == 30 {
			t.Errorf("… %d findings in all", len(a.Findings))
			break
		}
	}
	if a.Resets > 0 {
		t.Errorf("%d repositories were repaired by #sync: they had forked", a.Resets)
	}
	t.Logf("%d kills (%d while starting), ready again after at most %s; %d connections", kills.n, kills.starting, kills.slowest.Round(time.Millisecond), f.connections)
	t.Logf("answers: %v", answers.n)
	t.Logf("writes: %+v", counts)
	t.Logf("events: %v, %d replayed over %d replays; %d repositories with %d records exported; %d accounts made during kills",
		a.Counts, a.Replayed, a.Replays, a.Exports, a.Records, len(newcomers))
	if counts.Committed < 100 || kills.n < 3 {
		t.Errorf("%d commits and %d kills prove little", counts.Committed, kills.n)
	}

	out, err := pds(os.Environ(), "audit", s.url, "--plc", s.plc).CombinedOutput()
	if err != nil {
		t.Errorf("pds audit: %v\n%s", err, out)
	}
	step("audited again by pds audit")
	if err := s.stop(); err != nil {
		t.Errorf("after SIGTERM: %v\n%s", err, s.stderr)
	}
	step("stopped")
	if t.Failed() {
		t.Logf("the last process said:\n%s", s.stderr)
	}
	checkFiles(t, s.data)
	step("files checked")
}

func signUpAll(t *testing.T, url string) []crashAccount {
	t.Helper()
	accounts := make([]crashAccount, crashAccounts)
	var wg sync.WaitGroup
	for half := range 4 {
		wg.Go(func() {
			for i := half; i < len(accounts); i += 4 {
				a, _, err := signUp(t.Context(), nethttp.DefaultClient, url, fmt.Sprintf("crash%d.test", i))
				if err != nil {
					t.Errorf("sign up: %v", err)
				}
				accounts[i] = a
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return accounts
}

func startWriters(ctx context.Context, t *testing.T, url string, seed uint64, accounts []crashAccount, acks *audit.Acks, answers *tally) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	for i := range crashWriters {
		w := &crashWriter{
			id: i, url: url, rand: rand.New(rand.NewPCG(seed, uint64(100+i))), client: &nethttp.Client{Transport: &nethttp.Transport{}},
			accounts: accounts, acks: acks, answers: answers, own: map[syntax.DID][]string{},
		}
		wg.Go(func() { w.run(ctx, t) })
	}
	return func() { cancel(); wg.Wait() }
}

// signUpTime is how long a sign-up may take that a crash has interrupted.
const signUpTime = 30 * time.Second

// startNewcomers signs up accounts one after the other while the server dies.
// A sign-up without an answer is asked for again under the same name, until it
// is answered or the name is found taken: then it went through, now or soon.
// A name that is neither in the end is one that a crash has burnt.
func startNewcomers(ctx context.Context, t *testing.T, url string) (stop func() []crashAccount) {
	ctx, cancel := context.WithCancel(ctx)
	var made []crashAccount
	var wg sync.WaitGroup
	client := &nethttp.Client{Transport: &nethttp.Transport{}, Timeout: 20 * time.Second}
	wg.Go(func() {
		pending, began := false, time.Now()
		for n := 0; ctx.Err() == nil || pending; time.Sleep(50 * time.Millisecond) {
			handle := fmt.Sprintf("newcomer%d.test", n)
			a, status, err := signUp(context.WithoutCancel(ctx), client, url, handle)
			if status >= 400 && status < 500 {
				a.Handle = handle
				did, found := resolve(context.WithoutCancel(ctx), client, url, handle)
				if a.DID = did; found == nil {
					err = nil
				} else {
					err = fmt.Errorf("%w; %w", err, found)
				}
			}
			if pending = err != nil; !pending {
				made = append(made, a)
				n, began = n+1, time.Now()
			} else if ctx.Err() != nil && time.Since(began) > signUpTime {
				t.Errorf("%s can neither be signed up nor found: %d %v", handle, status, err)
				return
			}
		}
	})
	return func() []crashAccount { cancel(); wg.Wait(); return made }
}

type killCounts struct {
	n, starting int
	slowest     time.Duration
}

// killLoop kills and restarts until time is up, and leaves the server running.
func killLoop(t *testing.T, s *crashServer, random *rand.Rand, d time.Duration) (k killCounts) {
	t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(time.Duration(200+random.IntN(1200)) * time.Millisecond)
		for again := true; again; {
			if err := s.kill(); err != nil {
				t.Fatal(err)
			}
			k.n++
			s.start(t)
			if again = random.IntN(4) == 0; again {
				k.starting++
				time.Sleep(time.Duration(random.IntN(60)) * time.Millisecond)
			}
		}
		k.slowest = max(k.slowest, s.ready(t))
	}
	return k
}

// follower reads the firehose over all restarts, with the number that it saw
// last.
type follower struct {
	auditor     *audit.Auditor
	connections int
	cancel      context.CancelFunc
	done        chan struct{}
	seen        sync.Map // DID → newest rev
}

func follow(ctx context.Context, s *crashServer) *follower {
	ctx, cancel := context.WithCancel(ctx)
	f := &follower{
		auditor: audit.New(audit.Options{URL: s.url, Keys: audit.NewDirectory(s.plc), Complete: true}),
		cancel:  cancel, done: make(chan struct{}),
	}
	go func() {
		defer close(f.done)
		for ctx.Err() == nil {
			cursor, events := f.auditor.Last(), 0
			f.auditor.Follow(ctx, &cursor, func(e audit.Event, _ []audit.Finding) {
				events++
				if e.Rev != "" {
					f.seen.Store(e.DID, e.Rev)
				}
			})
			if events > 0 {
				f.connections++
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	return f
}

// catchUp waits until the follower has seen what every account has become.
func (f *follower) catchUp(t *testing.T, s *crashServer, accounts []crashAccount) {
	t.Helper()
	for _, a := range accounts {
		var latest struct {
			Rev syntax.TID `json:"rev"`
		}
		res, err := nethttp.Get(s.url + "/xrpc/com.atproto.sync.getLatestCommit?did=" + a.DID.String())
		if err != nil {
			t.Fatal(err)
		}
		err = json.NewDecoder(res.Body).Decode(&latest)
		res.Body.Close()
		if err != nil || latest.Rev == "" {
			t.Fatalf("getLatestCommit of %s: %v %v", a.Handle, res.Status, err)
		}
		for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			if rev, ok := f.seen.Load(a.DID); ok && rev.(syntax.TID) >= latest.Rev {
				break
			}
			if time.Now().After(end) {
				t.Errorf("rev %s of %s does not appear on the firehose", latest.Rev, a.Handle)
				return
			}
		}
	}
}

func (f *follower) stop() { f.cancel(); <-f.done }

// auditAll replays from several cursors and exports everything.
func auditAll(t *testing.T, a *audit.Auditor, random *rand.Rand) {
	t.Helper()
	for _, cursor := range []int64{0, random.Int64N(a.Last()), random.Int64N(a.Last()), a.Last() - 1} {
		if err := a.Replay(t.Context(), cursor); err != nil {
			t.Fatalf("replay from %d: %v", cursor, err)
		}
	}
	if err := a.Repos(t.Context(), true); err != nil {
		t.Fatal(err)
	}
}
