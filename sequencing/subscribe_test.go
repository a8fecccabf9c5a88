package sequencing

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// numbersIn decodes the numbers of a batch of frames.
func numbersIn(t testing.TB, frames [][]byte) []Seq {
	t.Helper()
	var seqs []Seq
	for _, f := range frames {
		_, seq, err := DecodeFrame(f)
		if err != nil {
			t.Fatalf("a frame that is none: %v", err)
		}
		seqs = append(seqs, seq)
	}
	return seqs
}

// readUntil reads until the frame with number last came.
func readUntil(t testing.TB, s *Subscription, last Seq) [][]byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var all [][]byte
	for s.Cursor() < last {
		batch, err := s.Next(ctx)
		if err != nil {
			t.Fatalf("at %d of %d: %v", s.Cursor(), last, err)
		}
		if len(batch) == 0 {
			t.Fatal("an empty batch")
		}
		all = append(all, batch...)
	}
	return all
}

func TestSubscribeCursorRules(t *testing.T) {
	ring := NewRing(0)
	path := logPath(t)
	now := time.Now()
	l := openTest(t, path, LogOptions{Ring: ring})
	old, young := now.Add(-25*time.Hour), now.Add(-time.Hour)
	h := mustDo(t, l, aged(firstCommit(testDID(1), 1), old)).Head  // 1 2 3
	h = mustDo(t, l, aged(nextCommit(h, nil, Internal), old)).Head // 4
	h = mustDo(t, l, aged(nextCommit(h, nil, Public), young)).Head // 5
	h = mustDo(t, l, aged(nextCommit(h, nil, Public), young)).Head // 6

	at := func(n Seq) *Seq { return &n }
	tests := []struct {
		name     string
		cursor   *Seq
		outdated bool
		want     []Seq // before anything new comes
	}{
		{"none: live only", nil, false, nil},
		{"zero is no exception", at(0), true, []Seq{5, 6}},
		{"next event left the window", at(2), true, []Seq{5, 6}},
		{"next event is in the window, an internal one is not", at(3), false, []Seq{5, 6}},
		{"strictly after", at(5), false, []Seq{6}},
		{"caught up", at(6), false, nil},
		{"negative", at(-4), true, []Seq{5, 6}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Subscribe(l, ring, tt.cursor, SubscribeOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if got := s.Info() != nil; got != tt.outdated {
				t.Errorf("info %q", s.Info())
			}
			if tt.outdated && !bytes.Equal(s.Info(), InfoFrame("OutdatedCursor", "Requested cursor exceeded limit. Possibly missing events")) {
				t.Errorf("info %q", s.Info())
			}
			h = mustDo(t, l, nextCommit(h, nil, Public)).Head
			got := numbersIn(t, readUntil(t, s, h.Seq))
			// What earlier cases appended comes too, unless live only.
			want := slices.Clone(tt.want)
			for n := Seq(7); n < h.Seq && tt.cursor != nil; n++ {
				want = append(want, n)
			}
			if want = append(want, h.Seq); !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
	if s, err := Subscribe(l, ring, at(h.Seq+1), SubscribeOptions{}); !errors.Is(err, ErrFutureCursor) {
		t.Errorf("future cursor: %v, %v", s, err)
	}
	t.Run("outdated and nothing inside the window", func(t *testing.T) {
		s, err := Subscribe(l, ring, at(0), SubscribeOptions{Window: time.Nanosecond})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		h = mustDo(t, l, nextCommit(h, nil, Public)).Head
		if got := numbersIn(t, readUntil(t, s, h.Seq)); s.Info() == nil || !slices.Equal(got, []Seq{h.Seq}) {
			t.Errorf("info %q, got %v", s.Info(), got)
		}
	})
	t.Run("after a restart", func(t *testing.T) {
		l.Close()
		ring := NewRing(0)
		l := openTest(t, path, LogOptions{Ring: ring})
		// The numbers up to the ceiling may have been seen, so none is in the future.
		for _, n := range []Seq{h.Seq, h.Seq + 1, l.Last()} {
			s, err := Subscribe(l, ring, at(n), SubscribeOptions{})
			if err != nil {
				t.Fatalf("cursor %d: %v", n, err)
			}
			h = mustDo(t, l, nextCommit(h, nil, Public)).Head
			if got := numbersIn(t, readUntil(t, s, h.Seq)); got[len(got)-1] != h.Seq {
				t.Errorf("cursor %d: got %v", n, got)
			}
			s.Close()
		}
		s, err := Subscribe(l, ring, at(2), SubscribeOptions{Window: 48 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		var want [][]byte
		for _, e := range history(t, l, 2) {
			want = append(want, e.Frame)
		}
		if got := readUntil(t, s, h.Seq); !slices.EqualFunc(got, want, bytes.Equal) {
			t.Errorf("got %v", numbersIn(t, got))
		}
	})
}

func TestBatchesAreBoundedByBytes(t *testing.T) {
	for name, ringBytes := range map[string]int{"from the ring": 0, "from the log": 1} {
		t.Run(name, func(t *testing.T) {
			ring := NewRing(ringBytes)
			l := openTest(t, logPath(t), LogOptions{Ring: ring})
			h := mustDo(t, l, firstCommit(testDID(1), 1)).Head
			for range 6 {
				h = mustDo(t, l, nextCommit(h, make([]byte, 10_000), Public)).Head
			}
			start := Seq(3)
			s, err := Subscribe(l, ring, &start, SubscribeOptions{BatchSize: 25_000})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for want := range 3 {
				batch, err := s.Next(ctx)
				if err != nil || len(batch) != 2 {
					t.Fatalf("batch %d: %d frames, %v", want, len(batch), err)
				}
			}
		})
	}
}

func TestNextEndsWithItsContext(t *testing.T) {
	ring := NewRing(0)
	s, err := Subscribe(&fakeLog{}, ring, nil, SubscribeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	why := errors.New("the client left")
	go cancel(why)
	if _, err := s.Next(ctx); err != why {
		t.Errorf("ended with %v", err)
	}
}

// fakeLog holds nothing; only the methods that a subscription uses are there.
type fakeLog struct {
	Log
	last Seq
}

func (l *fakeLog) Last() Seq { return l.last }
func (l *fakeLog) Events(context.Context, Seq, int, int) ([]Event, error) {
	return nil, nil
}

func TestSlowConsumers(t *testing.T) {
	t.Run("bytes behind", func(t *testing.T) {
		ring := NewRing(100_000)
		s, err := Subscribe(&fakeLog{}, ring, nil, SubscribeOptions{MaxBehind: 50_000})
		if err != nil {
			t.Fatal(err)
		}
		ring.Publish(publicEvents(1, 50, 1000))
		if batch, err := s.Next(ctx); err != nil || len(batch) != 50 {
			t.Fatalf("%d frames, %v", len(batch), err)
		}
		ring.Publish(publicEvents(51, 101, 1000))
		if _, err := s.Next(ctx); !errors.Is(err, ErrTooSlow) {
			t.Errorf("51 kB behind: %v", err)
		}
	})
	t.Run("left behind by the ring", func(t *testing.T) {
		ring := NewRing(10_000)
		s, err := Subscribe(&fakeLog{}, ring, nil, SubscribeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		ring.Publish(publicEvents(1, 11, 1000))
		if _, err := s.Next(ctx); !errors.Is(err, ErrTooSlow) {
			t.Errorf("beyond the ring: %v", err)
		}
	})
	t.Run("age", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ring := NewRing(0)
			s, err := Subscribe(&fakeLog{}, ring, nil, SubscribeOptions{MaxAge: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour) // nothing happened: not slow
			ring.Publish(publicEvents(1, 1, 10))
			time.Sleep(time.Minute)
			if _, err := s.Next(context.Background()); err != nil {
				t.Errorf("a minute late: %v", err)
			}
			ring.Publish(publicEvents(2, 2, 10))
			time.Sleep(time.Minute + time.Second)
			if _, err := s.Next(context.Background()); !errors.Is(err, ErrTooSlow) {
				t.Errorf("more than a minute late: %v", err)
			}
		})
	})
	t.Run("history is not judged by how long it is", func(t *testing.T) {
		ring := NewRing(5_000)
		l := openTest(t, logPath(t), LogOptions{Ring: ring})
		h := mustDo(t, l, firstCommit(testDID(1), 1)).Head
		for range 40 {
			h = mustDo(t, l, nextCommit(h, make([]byte, 1000), Public)).Head
		}
		zero := Seq(0)
		s, err := Subscribe(l, ring, &zero, SubscribeOptions{BatchSize: 3000})
		if err != nil {
			t.Fatal(err)
		}
		if got := readUntil(t, s, h.Seq); len(got) != 43 {
			t.Errorf("%d events", len(got))
		}
	})
	t.Run("history that is about to be pruned", func(t *testing.T) {
		ring := NewRing(1)
		l := openTest(t, logPath(t), LogOptions{Ring: ring})
		h := mustDo(t, l, firstCommit(testDID(1), 1)).Head
		now := time.Now()
		for range 40 {
			h = mustDo(t, l, nextCommit(h, make([]byte, 1000), Public)).Head
		}
		zero := Seq(0)
		s, err := Subscribe(l, ring, &zero, SubscribeOptions{BatchSize: 3000, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []time.Duration{0, DefaultWindow, PruneGrace/2 - time.Minute} {
			now = now.Add(step)
			if _, err := s.Next(ctx); err != nil {
				t.Fatalf("inside the grace: %v", err)
			}
		}
		now = now.Add(2 * time.Minute)
		if _, err := s.Next(ctx); !errors.Is(err, ErrTooSlow) {
			t.Errorf("beyond the grace: %v", err)
		}
	})
}

// What is left of the history was internal, purged or pruned: the ring is
// entered exactly at its floor.
func TestRingBeginsWhereHistoryEnds(t *testing.T) {
	ring := NewRing(0)
	ring.start(10)
	cursor := Seq(5)
	s, err := Subscribe(&fakeLog{last: 10}, ring, &cursor, SubscribeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ring.Publish([]Event{{Seq: 11, Visibility: Public, Frame: []byte("eleven")}})
	if got := readUntil(t, s, 11); len(got) != 1 || string(got[0]) != "eleven" {
		t.Errorf("got %q", got)
	}
}

// A live subscriber for which an event does not even fit into the ring gets it
// from the log.
func TestEventLargerThanTheRing(t *testing.T) {
	ring := NewRing(1000)
	l := openTest(t, logPath(t), LogOptions{Ring: ring})
	s, err := Subscribe(l, ring, nil, SubscribeOptions{MaxBehind: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	h := mustDo(t, l, firstCommit(testDID(1), 50_000)).Head
	h = mustDo(t, l, nextCommit(h, nil, Public)).Head
	if got := numbersIn(t, readUntil(t, s, h.Seq)); !slices.Equal(got, []Seq{1, 2, 3, 4}) {
		t.Errorf("got %v", got)
	}
}
