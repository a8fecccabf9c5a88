package sweeper

import "time"

// decide chooses the chore that is due, and the one that is due longest if there are
// several; "" and the time until then if none is.
func decide(all []chore, due map[Chore]time.Time, now time.Time) (next Chore, wait time.Duration) {
	var first time.Time
	for _, c := range all { // in the order of the list, so that ties are no matter of luck
		if at := due[c.name]; next == "" || at.Before(first) {
			next, first = c.name, at
		}
	}
	if wait = first.Sub(now); wait > 0 {
		return "", wait
	}
	return next, 0
}
