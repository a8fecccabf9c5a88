package sequencing

import (
	"fmt"
	"time"

	"troupe/storage/dag"
)

// Standing is what an #account entry says beyond its frame: who wants the
// account to be in which state, and until when. The frame shows the outcome; the
// rest is nobody's business but this server's, and stands in account.sqlite.
//
// It is part of the entry so that the status and its reasons change in one step:
// there is no moment, and no crash, between them.
type Standing struct {
	Takedown    string    // reference of a takedown; "": none
	Deactivated time.Time // since when the owner has the account deactivated; zero: it is not
	DeleteAfter time.Time // of a deactivated account: when it is to be deleted; zero: never
}

// Status is what a standing comes to. A takedown wins.
func (s Standing) Status() Status {
	switch {
	case s.Takedown != "":
		return StatusTakendown
	case !s.Deactivated.IsZero():
		return StatusDeactivated
	}
	return StatusActive
}

// Encode is the form in which an entry carries it: an array of the reference
// and two times in microseconds, 0 for none.
func (s Standing) Encode() []byte {
	b := dag.AppendArray(nil, 3)
	b = dag.AppendText(b, s.Takedown)
	b = dag.AppendInt(b, standingTime(s.Deactivated))
	return dag.AppendInt(b, standingTime(s.DeleteAfter))
}

func standingTime(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// StandingOf reads the standing that an #account entry carries. Without one
// told is false: only the status is known.
func StandingOf(e Event) (s Standing, told bool, err error) {
	if len(e.Private) == 0 {
		return s, false, nil
	}
	r := dag.NewReader(e.Private)
	n, err := r.Array()
	if err == nil && n != 3 {
		err = fmt.Errorf("%d members", n)
	}
	if err == nil {
		s.Takedown, err = r.Text()
	}
	for _, t := range []*time.Time{&s.Deactivated, &s.DeleteAfter} {
		var us int64
		if err == nil {
			us, err = r.Int()
		}
		if us != 0 {
			*t = microTime(us)
		}
	}
	if err != nil {
		return Standing{}, false, fmt.Errorf("%w: standing of an account: %w", ErrCorrupt, err)
	}
	return s, true, nil
}
