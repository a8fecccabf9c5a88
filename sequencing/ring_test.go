package sequencing

import (
	"bytes"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func publicEvents(from, to Seq, size int) []Event {
	var events []Event
	for seq := from; seq <= to; seq++ {
		events = append(events, Event{Seq: seq, DID: testDID(int(seq % 3)), Visibility: Public, Frame: bytes.Repeat([]byte{byte(seq)}, size)})
	}
	return events
}

func (r *Ring) held() (bytes int64) {
	for _, item := range r.view.Load().items {
		bytes += int64(len(item.frame))
	}
	return bytes
}

func TestRingIsBoundedByBytes(t *testing.T) {
	r := NewRing(10_000)
	r.start(5)
	seq := Seq(5)
	for i := range 300 {
		n := Seq(i%7 + 1)
		r.Publish(publicEvents(seq+1, seq+n, 100+i%50))
		seq += n
		v := r.view.Load()
		if got := r.held(); got > 10_000 {
			t.Fatalf("%d bytes", got)
		}
		if v.last != seq {
			t.Fatalf("last is %d, want %d", v.last, seq)
		}
		// Above the floor nothing is missing.
		if want := int(seq - v.floor); len(v.items) != want || v.items[0].seq != v.floor+1 {
			t.Fatalf("%d items above the floor %d, want %d", len(v.items), v.floor, want)
		}
		if c := cap(v.items); c > len(v.items)+len(v.items)/4+65 {
			t.Fatalf("room for %d items, %d are there", c, len(v.items))
		}
	}
	r.Publish(publicEvents(seq+1, seq+1, 20_000)) // more than the ring takes
	if v := r.view.Load(); v.floor != seq+1 || v.last != seq+1 || len(v.items) != 0 {
		t.Errorf("after an event larger than the ring: %+v", v)
	}
}

func TestRingFreesWhatItDrops(t *testing.T) {
	if testing.Short() {
		t.Skip("allocates 256 MB in turn")
	}
	r := NewRing(4 << 20)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for seq := Seq(1); seq <= 4096; seq++ {
		r.Publish(publicEvents(seq, seq, 64<<10))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if kept := int64(after.HeapAlloc) - int64(before.HeapAlloc); kept > 12<<20 {
		t.Errorf("%d bytes are kept by a ring of 4 MiB", kept)
	}
	runtime.KeepAlive(r)
}

func TestRingPassesOverInternalEvents(t *testing.T) {
	r := NewRing(0)
	events := publicEvents(1, 3, 5)
	events[1].Visibility = Internal
	r.Publish(events)
	events[2].Frame = nil // the slice is the publisher's again
	if v := r.view.Load(); len(v.items) != 2 || v.items[1].seq != 3 || v.items[1].frame == nil || v.last != 3 {
		t.Errorf("items %+v", v.items)
	}
}

func TestRingForgets(t *testing.T) {
	r := NewRing(0)
	r.Publish(publicEvents(1, 9, 5))
	old := r.view.Load()
	r.forget(testDID(1), 7)
	var got []Seq
	for _, item := range r.view.Load().items {
		got = append(got, item.seq)
	}
	if fmt.Sprint(got) != "[2 3 5 6 7 8 9]" {
		t.Errorf("left %v", got)
	}
	r.Publish(publicEvents(10, 12, 5))
	if len(old.items) != 9 || old.items[3].seq != 4 {
		t.Error("a view that a reader holds was changed")
	}
}

// Every wait ends: a reader that saw nothing new is woken for what comes next,
// however publication, look and wait fall together.
func TestRingWakesEverybody(t *testing.T) {
	r := NewRing(0)
	const rounds, burst, readers = 1500, 3, 4
	var seen [readers]chan Seq
	for i := range seen {
		seen[i] = make(chan Seq, 1)
		go func() {
			for pos := Seq(0); pos < rounds*burst; {
				v, wake := r.look()
				if v.last == pos {
					<-wake
					continue
				}
				if pos = v.last; pos%burst == 0 {
					seen[i] <- pos
				}
			}
		}()
	}
	for seq := Seq(1); seq <= rounds*burst; seq++ {
		r.Publish(publicEvents(seq, seq, 1))
		if seq%burst != 0 {
			continue
		}
		for i := range seen {
			select {
			case <-seen[i]:
			case <-time.After(10 * time.Second):
				t.Fatalf("reader %d was not woken for %d", i, seq)
			}
		}
	}
}

// A crowd is woken for the first event at once, and then at intervals.
func TestCrowdIsPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring := NewRing(0)
		time.Sleep(time.Second)
		const crowd = 1000
		var reads atomic.Int64
		for range crowd {
			s, err := Subscribe(&fakeLog{}, ring, nil, SubscribeOptions{})
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				defer s.Close()
				for s.Cursor() < 1000 {
					if _, err := s.Next(t.Context()); err != nil {
						t.Error(err)
						return
					}
					reads.Add(1)
				}
			}()
		}
		synctest.Wait()
		for seq := Seq(1); seq <= 1000; seq++ { // an event per 100 µs
			ring.Publish(publicEvents(seq, seq, 1))
			if seq == 1 {
				synctest.Wait()
				if got := reads.Load(); got != crowd {
					t.Errorf("%d of %d got the first event at once", got, crowd)
				}
			}
			time.Sleep(100 * time.Microsecond)
		}
		time.Sleep(longestPause)
		synctest.Wait()
		if got := reads.Load() / crowd; got < 15 || got > 30 {
			t.Errorf("a reader was woken %d times in 100 ms, for 1000 events", got)
		}
		if n := ring.readers.Load(); n != 0 {
			t.Errorf("%d readers are left", n)
		}
	})
}
