package mail

import (
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

const (
	firstPause   = 5 * time.Second
	longestPause = time.Hour
)

// Backoff waits three times as long after each failure, up to an hour, with some
// chance in it so that letters which failed together are not tried together.
func Backoff(n int64) time.Duration {
	pause := firstPause
	for ; n > 1 && pause < longestPause; n-- {
		pause *= 3
	}
	pause = min(pause, longestPause)
	return pause - pause/8 + rand.N(pause/4)
}

// settle decides what an attempt means for its letter.
func settle(err error, attempts int64, now time.Time, pause func(int64) time.Duration) Outcome {
	switch {
	case err == nil:
		return Outcome{Sent: true}
	case hopeless(err):
		return Outcome{Failure: Explain(err)}
	}
	return Outcome{Again: now.Add(pause(attempts + 1)), Failure: Explain(err)}
}

// errContent: a letter that cannot be written, now or ever.
var errContent = errors.New("mail: the letter cannot be written")

// hopeless reports whether no later attempt can end otherwise: the recipient or
// the content was refused for good. A sender, a password or a connection that is
// refused is the operator's to repair, and so is a policy (5.7.x): mostly it says
// that the server does not relay for us.
func hopeless(err error) bool {
	if errors.Is(err, errContent) {
		return true
	}
	var refused *gomail.SendError
	if !errors.As(err, &refused) || refused.ErrorCode() < 500 || strings.HasPrefix(refused.EnhancedStatusCode(), "5.7.") {
		return false
	}
	return refused.Reason == gomail.ErrSMTPRcptTo || refused.Reason == gomail.ErrSMTPData || refused.Reason == gomail.ErrSMTPDataClose
}

// choose picks the letters to begin now.
func choose(due []Letter, flying map[ID]bool, places int) (begin []Letter) {
	for _, l := range due {
		if len(begin) < places && !flying[l.ID] {
			begin = append(begin, l)
		}
	}
	return begin
}
