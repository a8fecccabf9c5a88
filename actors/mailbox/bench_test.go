package mailbox_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"troupe/actors/mailbox"
)

// cpu reports the process's CPU time per operation: on a shared machine the
// wall clock says little.
func cpu(b *testing.B) func() {
	used := func() time.Duration {
		var u syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	start := used()
	return func() { b.ReportMetric(float64(used()-start)/float64(b.N), "cpu-ns/op") }
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

type echo struct{}

type say struct {
	mailbox.To[*echo, int]
	N int
}

func (e *echo) Start(context.Context) error { return nil }
func (e *echo) Stop(mailbox.Reason)         {}
func (e *echo) Receive(t *mailbox.Turn) {
	switch m := t.Message().(type) {
	case say:
		mailbox.Reply(e, t, m, func(_ context.Context, m say) (int, error) { return m.N, nil })
	}
}

func BenchmarkAskRouter(b *testing.B) {
	for _, keys := range []int{1, 1000} {
		for _, askers := range []int{1, 64} {
			b.Run(fmt.Sprintf("keys=%d/askers=%d", keys, askers), func(b *testing.B) {
				sys := mailbox.NewSystem(quiet())
				defer sys.Shutdown()
				r := mailbox.NewRouter(sys, mailbox.RouterOptions{Name: "bench", Live: 4096, Tick: time.Second},
					func(string, mailbox.Self) *echo { return &echo{} })
				defer r.Close(b.Context())
				at := make([]mailbox.Address[*echo], keys)
				for i := range at {
					at[i] = r.Of(fmt.Sprintf("did:plc:%024d", i))
					if _, err := mailbox.Ask(b.Context(), at[i], say{}); err != nil {
						b.Fatal(err)
					}
				}
				ctx, cancel := context.WithCancel(b.Context())
				defer cancel()
				var next atomic.Int64
				b.ReportAllocs()
				b.SetParallelism(max(1, askers/runtime.GOMAXPROCS(0)))
				defer cpu(b)()
				b.ResetTimer()
				if askers == 1 {
					for i := 0; b.Loop(); i++ {
						mailbox.Ask(ctx, at[i%keys], say{N: i})
					}
					return
				}
				b.RunParallel(func(p *testing.PB) {
					for p.Next() {
						i := int(next.Add(7))
						if _, err := mailbox.Ask(ctx, at[i%keys], say{N: i}); err != nil {
							b.Error(err)
						}
					}
				})
			})
		}
	}
}

func BenchmarkAskSingleton(b *testing.B) {
	sys := mailbox.NewSystem(quiet())
	defer sys.Shutdown()
	h, err := mailbox.Spawn(sys, "bench", 1024, func(mailbox.Self) *echo { return &echo{} })
	if err != nil {
		b.Fatal(err)
	}
	defer h.Stop(b.Context())
	b.ReportAllocs()
	defer cpu(b)()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := mailbox.Ask(b.Context(), h.Address(), say{N: 1}); err != nil {
				b.Error(err)
			}
		}
	})
}

// What an actor costs: to activate, and to have (its own state not counted).
func BenchmarkActivate(b *testing.B) {
	sys := mailbox.NewSystem(quiet())
	defer sys.Shutdown()
	r := mailbox.NewRouter(sys, mailbox.RouterOptions{Name: "bench", Live: 1 << 24, Shards: 64},
		func(string, mailbox.Self) *echo { return &echo{} })
	defer r.Close(b.Context())
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	report := cpu(b)
	b.ResetTimer()
	for i := range b.N {
		if _, err := mailbox.Ask(b.Context(), r.Of(fmt.Sprintf("did:plc:%024d", i)), say{}); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	report()
	b.ReportMetric(float64(heap()-before)/float64(b.N), "heap-B/actor")
}

// Every ask misses: one actor leaves and another comes.
func BenchmarkHandOver(b *testing.B) {
	sys := mailbox.NewSystem(quiet())
	defer sys.Shutdown()
	r := mailbox.NewRouter(sys, mailbox.RouterOptions{Name: "bench", Live: 64},
		func(string, mailbox.Self) *echo { return &echo{} })
	defer r.Close(b.Context())
	defer cpu(b)()
	for i := 0; b.Loop(); i++ {
		if _, err := mailbox.Ask(b.Context(), r.Of(fmt.Sprintf("did:plc:%024d", i%10_000)), say{}); err != nil {
			b.Fatal(err)
		}
	}
}
