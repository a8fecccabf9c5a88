package sequencing

import (
	"errors"
	"testing"
	"time"
)

// Who stands at the same number is given the same batch, and is judged by itself.
func TestPollSharesBatches(t *testing.T) {
	ring := NewRing(100_000)
	var subs [3]*Subscription
	for i := range subs {
		var err error
		if subs[i], err = Subscribe(&fakeLog{}, ring, nil, SubscribeOptions{MaxBehind: 60_000, BatchSize: 10_000}); err != nil {
			t.Fatal(err)
		}
		defer subs[i].Close()
	}
	batch, more, err := subs[0].Poll(nil)
	if batch != nil || err != nil || !subs[0].CaughtUp() {
		t.Fatalf("of nothing: %v, %v", batch, err)
	}
	ring.Publish(publicEvents(1, 15, 1000))
	select {
	case <-more:
	case <-time.After(10 * time.Second):
		t.Fatal("nobody said that there is more")
	}
	first, _, err := subs[0].Poll(nil)
	if err != nil || len(first.Frames) != 10 || subs[0].CaughtUp() {
		t.Fatalf("%v, %v", first, err)
	}
	if b, _, err := subs[1].Poll(first); b != first || err != nil || subs[1].Cursor() != 10 {
		t.Fatalf("of equals: %p instead of %p, at %d, %v", b, first, subs[1].Cursor(), err)
	}
	second, _, err := subs[1].Poll(first) // which begins behind it
	if err != nil || second == first || len(second.Frames) != 5 || second.Frames[0][0] != 11 || !subs[1].CaughtUp() {
		t.Fatalf("%v, %v", second, err)
	}
	if b, _, err := subs[0].Poll(second); b != second || err != nil || subs[0].Cursor() != 15 {
		t.Fatalf("of equals again: %p instead of %p, %v", b, second, err)
	}
	ring.Publish(publicEvents(16, 70, 1000)) // 70 kB behind for who has had nothing
	if _, _, err := subs[2].Poll(first); !errors.Is(err, ErrTooSlow) {
		t.Errorf("too slow for the batch that it stands in front of: %v", err)
	}
}

func TestPollDoesNotReadTheLog(t *testing.T) {
	ring := NewRing(0)
	ring.start(10)
	cursor := Seq(5)
	s, err := Subscribe(&fakeLog{last: 10}, ring, &cursor, SubscribeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if b, _, err := s.Poll(nil); b != nil || !errors.Is(err, ErrHistory) || s.CaughtUp() {
		t.Errorf("%v, %v", b, err)
	}
}
