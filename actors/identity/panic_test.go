package identity

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
)

// A panic in a turn is answered at once. The lookups that are under way end with
// it, answered too, and can be made again; what was looked up before is there.
func TestPanicInATurn(t *testing.T) {
	poisoned := false
	inWorld(t, func(s *server) {
		s.plc(alice, ok(docOf(alice, "one")))
		s.wantDID(alice, false, "one", nil)
		s.plc(bob, slow(ok(docOf(bob, "two")), time.Second))
		under := make(chan error, 1)
		go func() {
			_, err := s.did(bob, false)
			under <- err
		}()
		synctest.Wait()
		poisoned = true
		s.wantHandle("poison.example.com", "", mailbox.ErrCrashed)
		if err := <-under; !errors.Is(err, mailbox.ErrCrashed) {
			t.Errorf("a lookup that was under way: %v", err)
		}
		poisoned = false
		s.wantDID(alice, false, "one", nil)
		s.wantAsked(plcURL(alice), 1) // from the file
		s.wantDID(bob, false, "two", nil)
		s.wantAsked(plcURL(bob), 2)
		s.wantHandle("good.example.com", alice, nil)
	}, func(o *Options) {
		o.Static = func(syntax.Handle) (syntax.DID, bool) {
			if poisoned {
				panic("injected")
			}
			return alice, true
		}
	})
}
