package resolver

import "time"

// course is what a turn does about one question.
type course uint8

const (
	refuse          course = iota // unknown, and nobody is asked
	fetch                         // unknown so far, and the network is asked
	serve                         // the copy answers
	serveAndRefresh               // the copy answers, and the network is asked meanwhile
)

const (
	// restAfterFailure is how long nobody is asked after a look-up that failed: every
	// write of such a record would start another.
	restAfterFailure = time.Minute
	// restAfterAnswer is the same after a definite answer.
	restAfterAnswer = 10 * time.Minute
)

// failure is the last look-up of a type, if it brought nothing.
type failure struct {
	at       time.Time
	definite bool
}

// rests reports whether it is too early to ask again. A failure from the future (the
// clock was set back) is none.
func (f failure) rests(now time.Time) bool {
	since := now.Sub(f.at)
	if f.definite {
		return since >= 0 && since < restAfterAnswer
	}
	return since >= 0 && since < restAfterFailure
}

// decide chooses by the copy at hand, of this age, and by whether the type rests.
func decide(have bool, age, fresh, stale time.Duration, rests bool) course {
	switch {
	case have && age >= 0 && age < fresh:
		return serve
	case have && age < stale: // also from the future: served once more
		if rests {
			return serve
		}
		return serveAndRefresh
	case rests:
		return refuse
	}
	return fetch
}
