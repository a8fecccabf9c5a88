package repo_test

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
	"troupe/actors/repo"
)

// cpu reports the process's CPU time per operation: on a shared machine it
// tells more than the clock.
func cpu(b *testing.B) func() {
	var before, after syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	return func() {
		syscall.Getrusage(syscall.RUSAGE_SELF, &after)
		used := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
		b.ReportMetric(float64(used.Microseconds())/float64(b.N), "cpu-µs/op")
	}
}

// BenchmarkCreateRecord is the durable write path below HTTP.
func BenchmarkCreateRecord(b *testing.B) {
	for _, c := range []struct {
		accounts, writers int
	}{{1, 1}, {1, 16}, {200, 16}, {200, 64}} {
		b.Run(fmt.Sprintf("accounts=%d/writers=%d", c.accounts, c.writers), func(b *testing.B) {
			w := open(b, b.TempDir(), 1024)
			defer w.close()
			dids := make([]syntax.DID, c.accounts)
			for i := range dids {
				dids[i] = w.account(i)
			}
			rec := create(b, "", "a post of about the usual length, which says what the author had for breakfast and why")
			var next atomic.Int64
			done := cpu(b)
			b.ResetTimer()
			b.SetParallelism((c.writers + 1) / 2)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					d := dids[int(next.Add(1))%len(dids)]
					if _, err := mailbox.Ask(b.Context(), w.repos.Of(d.String()), writes(rec)); err != nil {
						b.Error(err)
					}
				}
			})
			b.StopTimer()
			done()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
		})
	}
}

// BenchmarkExport streams a repository of 10,000 records.
func BenchmarkExport(b *testing.B) {
	w := open(b, b.TempDir(), 16)
	defer w.close()
	d := w.account(1)
	for i := 0; i < 10_000; i += 200 {
		var batch []repo.Write
		for j := range 200 {
			batch = append(batch, create(b, fmt.Sprintf("3k%09d", i+j), fmt.Sprintf("post %d of a repository that is exported again and again, to see how fast that is", i+j)))
		}
		ask(w, d, writes(batch...))
	}
	var out bytes.Buffer
	done := cpu(b)
	for b.Loop() {
		out.Reset()
		s := ask(w, d, repo.OpenSnapshot{})
		if err := s.WriteCAR(b.Context(), &out, ""); err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
	done()
	b.SetBytes(int64(out.Len()))
}

// BenchmarkGetRecord reads through the actor.
func BenchmarkGetRecord(b *testing.B) {
	w := open(b, b.TempDir(), 16)
	defer w.close()
	d := w.account(1)
	for i := range 200 {
		ask(w, d, writes(create(b, fmt.Sprintf("k%03d", i), "text")))
	}
	ask(w, d, repo.Flush{})
	done := cpu(b)
	i := 0
	for b.Loop() {
		i++
		ask(w, d, repo.GetRecord{Collection: posts, RKey: syntax.RecordKey(fmt.Sprintf("k%03d", i%200))})
	}
	done()
}
