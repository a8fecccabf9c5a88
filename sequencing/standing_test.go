package sequencing

import (
	"errors"
	"testing"
	"time"
)

func TestStanding(t *testing.T) {
	at := time.UnixMicro(1_700_000_000_000_001).UTC()
	for _, c := range []struct {
		s    Standing
		want Status
	}{
		{Standing{}, StatusActive},
		{Standing{Deactivated: at}, StatusDeactivated},
		{Standing{Deactivated: at, DeleteAfter: at.Add(time.Hour)}, StatusDeactivated},
		{Standing{Takedown: "ref"}, StatusTakendown},
		{Standing{Takedown: "ref", Deactivated: at, DeleteAfter: at}, StatusTakendown},
	} {
		if got := c.s.Status(); got != c.want {
			t.Errorf("%+v is %s, want %s", c.s, got, c.want)
		}
		got, told, err := StandingOf(Event{Private: c.s.Encode()})
		if err != nil || !told || got != c.s {
			t.Errorf("%+v came back as %+v, %v, %v", c.s, got, told, err)
		}
		for n := 1; n < len(c.s.Encode()); n++ {
			if _, _, err := StandingOf(Event{Private: c.s.Encode()[:n]}); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%d bytes of %+v: %v", n, c.s, err)
			}
		}
	}
	if _, told, err := StandingOf(Event{}); told || err != nil {
		t.Errorf("an entry without: %v, %v", told, err)
	}
}
