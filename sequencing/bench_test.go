package sequencing

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// BenchmarkAppend commits entries of 3 kB for 10,000 accounts, one after the
// other per writer. cpu-µs/op is the CPU time of the whole process, benchmark
// included, per append; the wall time per append is dominated by the fsync.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) { benchmarkAppend(b, writers) })
	}
}

func benchmarkAppend(b *testing.B, writers int) {
	const accounts = 10_000
	ring := NewRing(0)
	l, err := OpenLog(context.Background(), filepath.Join(b.TempDir(), "sequencer.sqlite"), LogOptions{Ring: ring})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()

	heads := make([]Head, accounts)
	var ready sync.WaitGroup
	for i := range heads {
		ready.Add(1)
		did := testDID(i)
		l.Append(firstCommit(did, 300), func(c Committed, err error) {
			if err != nil {
				b.Error(err)
			}
			heads[i] = c.Head
			ready.Done()
		})
	}
	ready.Wait()

	// Neighbours in time are strangers on disk: every append touches another
	// page of the head table and of the index by account.
	rand.New(rand.NewPCG(1, 2)).Shuffle(accounts, func(i, j int) { heads[i], heads[j] = heads[j], heads[i] })

	payload := make([]byte, 2300)
	var left atomic.Int64
	left.Store(int64(b.N))
	before, commits := cpuTime(), batches(b)
	b.ResetTimer()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			answer := make(chan error, 1)
			// A writer owns every writers-th account and goes round.
			for i := w; left.Add(-1) >= 0; i += writers {
				if i >= accounts {
					i = w
				}
				h := &heads[i]
				l.Append(nextCommit(*h, payload, Public), func(c Committed, err error) {
					*h = c.Head
					answer <- err
				})
				if err := <-answer; err != nil {
					b.Error(err)
					return
				}
			}
		}()
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64((cpuTime()-before).Microseconds())/float64(b.N), "cpu-µs/op")
	b.ReportMetric(float64(b.N)/float64(batches(b)-commits), "appends/batch")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
}

func batches(b testing.TB) uint64 {
	var m dto.Metric
	if err := commitSeconds.Write(&m); err != nil {
		b.Fatal(err)
	}
	return m.GetHistogram().GetSampleCount()
}

func cpuTime() time.Duration {
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
		return 0
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}
