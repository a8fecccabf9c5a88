package mailbox

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"
)

// slow holds its turns up until it is let go.
type slow struct{ in, out chan struct{} }

type nap struct{ To[*slow, int] }

func (a *slow) Start(context.Context) error { return nil }
func (a *slow) Stop(Reason)                 {}
func (a *slow) Receive(t *Turn) {
	switch m := t.Message().(type) {
	case nap:
		Reply(a, t, m, func(context.Context, nap) (int, error) {
			a.in <- struct{}{}
			<-a.out
			return 1, nil
		})
	}
}

// Whatever stops an actor behind our back, nobody is left waiting: the library
// would drop the queue without a word.
func TestNothingIsDroppedBehindAStop(t *testing.T) {
	sys := NewSystem(slog.New(slog.DiscardHandler))
	defer sys.Shutdown()
	a := &slow{in: make(chan struct{}), out: make(chan struct{})}
	h, err := Spawn(sys, "slow", 64, func(Self) *slow { return a })
	if err != nil {
		t.Fatal(err)
	}
	errs := make(chan error, 64)
	send := func() { Post(t.Context(), h.Address(), nap{}, func(_ int, err error) { errs <- err }) }
	send()
	<-a.in
	for range 10 {
		send()
	}
	sys.as.Root.Stop(h.s.host.pid) // not how this package stops an actor
	close(a.out)
	if err := <-errs; err != nil {
		t.Errorf("the turn under way: %v", err)
	}
	for range 10 {
		if err := <-errs; err != ErrStopped {
			t.Errorf("queued behind the stop: %v", err)
		}
	}
	<-h.s.end
	send() // to a dead letter box
	if err := <-errs; err != ErrStopped {
		t.Errorf("after the stop: %v", err)
	}
	if n := h.s.open.Load(); n != 0 {
		t.Errorf("%d are still counted as waiting", n)
	}
}

// An actor that the library stopped without being told by its shard must not
// take its key along.
func TestAnActorStoppedByOthersIsReplaced(t *testing.T) {
	sys := NewSystem(slog.New(slog.DiscardHandler))
	defer sys.Shutdown()
	a := &slow{in: make(chan struct{}, 64), out: make(chan struct{})}
	close(a.out)
	hosts := make(chan *host, 8)
	r := NewRouter(sys, RouterOptions{Shards: 1, Live: 4}, func(_ string, self Self) *slow {
		hosts <- self.in.host
		return a
	})
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		for {
			// ErrStopped: the shard has not heard of the stop yet
			if _, err := Ask(ctx, r.Of("k"), nap{}); err == nil {
				break
			} else if err != ErrStopped {
				t.Fatal(err)
			}
		}
		cancel()
		sys.as.Root.Stop((<-hosts).pid)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAShardContainsItsPanics(t *testing.T) {
	sys := NewSystem(slog.New(slog.DiscardHandler))
	defer sys.Shutdown()
	a := &slow{in: make(chan struct{}, 64), out: make(chan struct{})}
	close(a.out)
	r := NewRouter(sys, RouterOptions{Shards: 1, Live: 4}, func(string, Self) *slow { return a })
	if _, err := Ask(t.Context(), r.Of("k"), nap{}); err != nil {
		t.Fatal(err)
	}
	sys.as.Root.Send(r.r.shards[0].pid, stirred{nil}) // makes it panic
	if _, err := Ask(t.Context(), r.Of("k"), nap{}); err != nil {
		t.Fatal(err)
	}
	if s := r.Stats(); s.Crashes != 1 || s.Activations != 1 {
		t.Errorf("%+v: the actor must have lived on", s)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestBackoffDoublesToFiveSeconds(t *testing.T) {
	var got []time.Duration
	for n := range 9 {
		got = append(got, backoff(n)/time.Millisecond)
	}
	if want := []time.Duration{50, 100, 200, 400, 800, 1600, 3200, 5000, 5000}; !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	if backoff(1000) != maxBackoff {
		t.Error("overflows")
	}
}

func TestCrashesAreCountedWithinTheWindow(t *testing.T) {
	var c crashes
	now := time.Unix(0, 0)
	for _, step := range []struct {
		after time.Duration
		want  int
	}{{0, 1}, {30 * time.Second, 2}, {29 * time.Second, 3}, {time.Second, 3}, {time.Hour, 1}} {
		now = now.Add(step.after)
		if n := c.add(now, time.Minute); n != step.want {
			t.Errorf("at %v: %d, want %d", now, n, step.want)
		}
	}
}

func TestLiveLimitTakesTheScarcest(t *testing.T) {
	const gib = 1 << 30
	for _, c := range []struct {
		name string
		m    resources
		want int
	}{
		{"large", resources{descriptors: 1 << 20, maps: 1 << 20, memory: 512 * gib}, 30_000},
		{"unknown", resources{}, 30_000},
		{"descriptors", resources{descriptors: 20_000, maps: 1 << 20, memory: 512 * gib}, 4_000},
		{"maps", resources{descriptors: 1 << 20, maps: 65_530, memory: 512 * gib}, 9_829},
		{"memory", resources{descriptors: 1 << 20, maps: 1 << 20, memory: 4 * gib}, 2_863},
		{"tiny", resources{descriptors: 64, maps: 64, memory: 1 << 20}, 16},
	} {
		if got := c.m.live(OpenFile); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	if n := LiveLimit(OpenFile); n < 16 || n > mostLive {
		t.Errorf("here: %d", n)
	}
}

func TestLimitsAreReadAsTheKernelWritesThem(t *testing.T) {
	if n := memTotal([]byte("MemFree: 5 kB\nMemTotal:       16384256 kB\n")); n != 16384256<<10 {
		t.Error(n)
	}
	if n := number([]byte("max\n")) + memTotal(nil); n != 0 {
		t.Error(n)
	}
	got := cgroupFiles([]byte("5:memory:/a\n0::/system.slice/pds.service\n"))[2:]
	want := []string{
		"/sys/fs/cgroup/memory/a/memory.limit_in_bytes",
		"/sys/fs/cgroup/system.slice/pds.service/memory.max", "/sys/fs/cgroup/system.slice/memory.max",
	}
	if !slices.Equal(got, want) {
		t.Error(got)
	}
}
