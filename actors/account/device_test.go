package account

import (
	"context"
	"testing"
	"time"
)

func TestBrowsersAreKnownByACookieThatChanges(t *testing.T) {
	w := newWorld(t, nil)
	name, first := NewDevice()
	see := func(secret, next string) SeeDevice {
		return SeeDevice{Name: name, Secret: secret, Next: next, UserAgent: "a", Address: "192.0.2.1"}
	}
	refuse(w, ErrUnknownDevice, see(first, "x"))
	fresh := see(first, "")
	fresh.New = true
	must(w, fresh)
	if got := must(w, see(first, "second")); got != first {
		t.Errorf("changed at once to %s", got)
	}
	w.pass(secretLife)
	if got := must(w, see(first, "second")); got != "second" {
		t.Errorf("not changed: %s", got)
	}
	w.pass(secretOverlap)
	if got := must(w, see(first, "third")); got != first {
		t.Errorf("of two requests at once the other got %s", got)
	}
	moved := see("second", "third")
	moved.Address = "192.0.2.2"
	if got := must(w, moved); got != "third" {
		t.Errorf("not changed with the address: %s", got)
	}
	told := see("third", "fourth")
	told.Rotate, told.Address = true, "192.0.2.2"
	if got := must(w, told); got != "fourth" {
		t.Errorf("not changed when told to: %s", got)
	}
	// The cookie was copied: whoever comes with the old one ends it for both.
	w.pass(secretOverlap + time.Second)
	refuse(w, ErrUnknownDevice, see("third", "x"))
	refuse(w, ErrUnknownDevice, see("fourth", "x"))
}

func TestSigningInOnABrowser(t *testing.T) {
	w := newWorld(t, nil)
	anna, _ := w.person("anna", "hash")
	ben, _ := w.person("ben", "hash")
	device := w.browser()
	refuse(w, ErrNotFound, SignInDevice{Device: device, DID: "did:plc:nobody"})
	refuse(w, ErrUnknownDevice, SignInDevice{Device: DeviceOf("dev-x"), DID: anna})
	must(w, SignInDevice{Device: device, DID: anna})
	w.pass(time.Hour)
	must(w, SignInDevice{Device: device, DID: ben})
	w.pass(time.Hour)
	must(w, SignInDevice{Device: device, DID: anna})
	all, err := w.reads.SignedIn(context.Background(), device)
	if err != nil || len(all) != 2 || all[0].DID != anna || !all[0].Since.Equal(w.now()) {
		t.Errorf("%+v %v", all, err)
	}
	other := w.browser()
	must(w, SignInDevice{Device: other, DID: anna})
	if at, err := w.reads.Browsers(context.Background(), anna); err != nil || len(at) != 2 || at[0].UserAgent != "a browser" {
		t.Errorf("%+v %v", at, err)
	}
	must(w, SignOutDevice{Device: other, DID: anna})
	must(w, SignOutDevices{DID: ben})
	if all, _ := w.reads.SignedIn(context.Background(), device); len(all) != 1 || all[0].DID != anna {
		t.Errorf("%+v", all)
	}
}
