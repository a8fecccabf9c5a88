package sweeper

import (
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// state is what an instance keeps in memory. All of it may be lost.
type state struct {
	due     map[Chore]time.Time
	under   Chore // the chore under way; "": none
	asked   map[Chore][]func(Report, error)
	uploads map[syntax.DID]upload
}

// upload is when an account uploaded something that has not been swept since.
type upload struct{ first, last time.Time }

// uploaders bounds the accounts that are remembered; the daily round finds the others.
const uploaders = 100_000

// uploaded remembers that an account has something that may have to go.
func (s *state) uploaded(did syntax.DID, now time.Time) {
	u, known := s.uploads[did]
	switch {
	case known:
		u.last = now
	case len(s.uploads) >= uploaders:
		return
	default:
		u = upload{now, now}
	}
	s.uploads[did] = u
}

// ripe takes out the accounts whose oldest upload has reached its lifetime. One that
// uploaded again since stays, for what came last.
func (s *state) ripe(now time.Time, lifetime time.Duration) (dids []syntax.DID) {
	for did, u := range s.uploads {
		if now.Sub(u.first) < lifetime {
			continue
		}
		dids = append(dids, did)
		if now.Sub(u.last) < lifetime {
			s.uploads[did] = upload{u.last, u.last}
		} else {
			delete(s.uploads, did)
		}
	}
	return dids
}
