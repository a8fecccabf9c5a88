package sequencing

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
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

// BenchmarkPublish is the CPU time that the committer's own thread spends on
// handing out a batch of ten events of 3 kB while subscribers wait for it.
func BenchmarkPublish(b *testing.B) {
	for _, subscribers := range []int{0, 1000} {
		b.Run(fmt.Sprintf("subscribers=%d", subscribers), func(b *testing.B) {
			ring := NewRing(0)
			ctx, stop := context.WithCancel(context.Background())
			var got atomic.Int64
			var readers sync.WaitGroup
			for range subscribers {
				s, err := Subscribe(&fakeLog{}, ring, nil, SubscribeOptions{MaxBehind: 1 << 40})
				if err != nil {
					b.Fatal(err)
				}
				readers.Add(1)
				go func() {
					defer readers.Done()
					defer s.Close()
					for {
						batch, err := s.Next(ctx)
						if err != nil {
							return
						}
						got.Add(int64(len(batch)))
					}
				}()
			}
			events := publicEvents(1, 10, 3000)
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			var publishing time.Duration
			seq := Seq(0)
			for b.Loop() {
				for i := range events {
					seq++
					events[i].Seq = seq
				}
				start := threadTime(b)
				ring.Publish(events)
				publishing += threadTime(b) - start
				time.Sleep(100 * time.Microsecond) // the next fsync
			}
			stop()
			readers.Wait()
			b.ReportMetric(float64(publishing.Nanoseconds())/float64(b.N), "publish-ns/op")
			b.ReportMetric(float64(got.Load())/float64(b.N), "delivered/op")
		})
	}
}

func threadTime(b *testing.B) time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		b.Skip(err)
	}
	return time.Duration(ts.Nano())
}

func cpuTime() time.Duration {
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
		return 0
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}
