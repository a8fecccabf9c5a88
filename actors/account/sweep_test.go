package account

import (
	"testing"
	"time"
)

// A sweep signs nobody out: whoever could go on before can go on after it, and
// what is left of the others cannot be told from tokens that never were.
func TestSweepExpired(t *testing.T) {
	w := newWorld(t, nil)
	a, first := w.person("a", "hash")
	w.pass(RefreshLifetime - time.Hour)
	second := must(w, RotateSession{DID: a, ID: first.ID}).Next
	w.pass(90 * time.Minute) // the first ended an hour before its grace did
	sweep := func() Expired { t.Helper(); return must(w, SweepExpired{Before: w.now()}) }
	if x := sweep(); x.RefreshTokens != 1 || x.Next != "" {
		t.Errorf("%+v", x)
	}
	if x := sweep(); x != (Expired{}) {
		t.Errorf("again: %+v", x)
	}
	refuse(w, ErrRevoked, RotateSession{DID: a, ID: first.ID})
	third := must(w, RotateSession{DID: a, ID: second.ID}).Next
	w.pass(time.Minute)
	if x := sweep(); x.RefreshTokens != 0 {
		t.Errorf("inside of the grace: %+v", x)
	}
	if again := must(w, RotateSession{DID: a, ID: second.ID}).Next; again.ID != third.ID {
		t.Errorf("%+v, want %+v", again, third)
	}
	w.pass(grace)
	if x := sweep(); x.RefreshTokens != 1 {
		t.Errorf("behind the grace: %+v", x)
	}
	must(w, RotateSession{DID: a, ID: third.ID})
}
