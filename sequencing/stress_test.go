package sequencing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestNoGapNoDuplicate lets subscribers of every kind read while accounts are
// written, deleted and created anew, and then compares what each of them got
// with the history: every public event above its start, once, in order, byte
// for byte; only events of a deleted account may be missing, and nothing may
// be there that is not history.
func TestNoGapNoDuplicate(t *testing.T) {
	const writers, rounds, readers = 6, 60, 12
	ring := NewRing(60_000) // about twenty events, so that readers fall out of it all the time
	path := logPath(t)
	l := openTest(t, path, LogOptions{Ring: ring})

	// Everything that was ever committed, and from where on each account's
	// events were deleted.
	var mu sync.Mutex
	type record struct {
		frame  []byte
		public bool
		owner  int
	}
	written := map[Seq]record{}
	purged := map[int]Seq{}
	var finished atomic.Int64 // highest number, once the writers are done

	var reading sync.WaitGroup
	for i := range readers {
		reading.Add(1)
		go func() {
			defer reading.Done()
			rng := rand.New(rand.NewPCG(uint64(i), 7))
			o := SubscribeOptions{BatchSize: 1 << (10 + i%6), MaxBehind: 1 << 30}
			var cursor *Seq
			switch i % 3 {
			case 0:
				cursor = new(Seq)
			case 1:
				n := l.Last() / 2
				cursor = &n
			}
			s, err := Subscribe(l, ring, cursor, o)
			if err != nil {
				t.Error(err)
				return
			}
			start := s.Cursor()
			var got []Seq
			frames := map[Seq][]byte{}
			for {
				wait, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
				batch, err := s.Next(wait)
				cancel()
				if errors.Is(err, context.DeadlineExceeded) {
					if end := finished.Load(); end > 0 && s.Cursor() >= Seq(end) {
						break
					}
					continue
				}
				if err != nil {
					t.Errorf("reader %d at %d: %v", i, s.Cursor(), err)
					return
				}
				for _, f := range batch {
					_, seq, err := DecodeFrame(f)
					if err != nil {
						t.Error(err)
						return
					}
					got = append(got, seq)
					frames[seq] = f
				}
				switch rng.IntN(12) {
				case 0: // a pause, in which the ring moves on
					time.Sleep(time.Duration(rng.IntN(20)) * time.Millisecond)
				case 1: // the connection breaks; the client comes back with its cursor
					s.Close()
					at := s.Cursor()
					if s, err = Subscribe(l, ring, &at, o); err != nil {
						t.Error(err)
						return
					}
				}
			}
			s.Close()
			mu.Lock()
			defer mu.Unlock()
			if err := compare(start, got, func(seq Seq) (bool, bool, []byte) {
				r, ok := written[seq]
				return ok && r.public, seq < purged[r.owner], r.frame
			}, frames, Seq(finished.Load())); err != nil {
				t.Errorf("reader %d from %d: %v", i, start, err)
			}
		}()
	}

	var writing sync.WaitGroup
	for w := range writers {
		writing.Add(1)
		go func() {
			defer writing.Done()
			rng := rand.New(rand.NewPCG(uint64(w), 1))
			var h Head
			for range rounds {
				var a Append
				switch {
				case h.Status != StatusActive:
					a = firstCommit(testDID(w), 500)
				case rng.IntN(25) == 0:
					a = deletion(h)
				default:
					a = nextCommit(h, make([]byte, rng.IntN(6000)), Visibility(rng.IntN(5) > 0))
				}
				answered := make(chan struct{})
				l.Append(a, func(c Committed, err error) {
					defer close(answered)
					if err != nil {
						t.Error(err)
						return
					}
					h = c.Head
					mu.Lock()
					defer mu.Unlock()
					for j, seq := range c.Seqs {
						written[seq] = record{a.Entries[j].Frame.Wire(seq), bool(a.Entries[j].Visibility), w}
					}
					if a.Purge {
						purged[w] = c.Seqs[0]
					}
				})
				<-answered
			}
		}()
	}
	writing.Wait()
	// One last public event, so that every reader has something to end with.
	c := mustDo(t, l, firstCommit(testDID(1000), 10))
	mu.Lock()
	for j, seq := range c.Seqs {
		a := history(t, l, seq-1)[0]
		written[seq] = record{a.Frame, true, 1000 + j}
	}
	mu.Unlock()
	finished.Store(int64(c.Head.Seq))
	reading.Wait()
	l.Close()
	checkLog(t, path)
}

// compare judges what one reader got. of tells of a number whether it was a
// public event, whether it may be missing, and its bytes.
func compare(start Seq, got []Seq, of func(Seq) (public, mayMiss bool, frame []byte), frames map[Seq][]byte, end Seq) error {
	at := 0
	for seq := start + 1; seq <= end; seq++ {
		public, mayMiss, frame := of(seq)
		if at < len(got) && got[at] == seq {
			if !public {
				return fmt.Errorf("number %d is not public", seq)
			}
			if !bytes.Equal(frames[seq], frame) {
				return fmt.Errorf("number %d has other bytes than history", seq)
			}
			at++
			continue
		}
		if public && !mayMiss {
			return fmt.Errorf("number %d is missing", seq)
		}
	}
	if at != len(got) {
		return fmt.Errorf("number %d at place %d is out of order or twice", got[at], at)
	}
	return nil
}
