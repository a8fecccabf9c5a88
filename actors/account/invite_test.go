package account

import (
	"fmt"
	"testing"
	"time"

	"troupe/actors/mailbox"
)

// How many codes an account has earned, by when it came, since when codes are
// given, and what it has.
func TestEarned(t *testing.T) {
	const week = 7 * 24 * time.Hour
	code := func(at time.Time, used int64, by string) UsedInvite {
		return UsedInvite{Invite: Invite{Uses: 1, Used: used, CreatedBy: by, CreatedAt: at}}
	}
	disabled := code(noon, 0, "self")
	disabled.Disabled = true
	many := func(n int, i UsedInvite) (all []UsedInvite) {
		for range n {
			all = append(all, i)
		}
		return all
	}
	for _, c := range []struct {
		name  string
		since time.Duration // how long before noon the account came
		epoch time.Duration // how long before noon the epoch was
		has   []UsedInvite
		want  int
	}{
		{"just here", 0, 100 * week, nil, 0},
		{"almost a week", week - time.Second, 100 * week, nil, 0},
		{"a week", week, 100 * week, nil, 1},
		{"three and a half", 3*week + week/2, 100 * week, nil, 3},
		{"never more than five", 50 * week, 100 * week, nil, 5},
		{"older than the epoch", 50 * week, 2 * week, nil, 2},
		{"the epoch falls into a week", 50*week + week/2, 2 * week, nil, 2},
		{"from the future", -week, 100 * week, nil, 0},
		{"has them", 3 * week, 100 * week, many(3, code(noon, 0, "self")), 0},
		{"used them", 3 * week, 100 * week, many(3, code(noon, 1, "self")), 0},
		{"used some", 5 * week, 100 * week, many(3, code(noon, 1, "self")), 2},
		{"five lie unused", 50 * week, 100 * week, many(5, code(noon, 0, "self")), 0},
		{"four lie unused", 50 * week, 100 * week, many(4, code(noon, 0, "self")), 1},
		{"gifts do not count", 3 * week, 100 * week, many(7, code(noon, 0, "admin")), 3},
		{"disabled ones leave room, and were earned", 6 * week, 100 * week, many(5, disabled), 1},
		{"those before the epoch were not earned in it", 10 * week, 2 * week, many(5, code(noon.Add(-5*week), 1, "self")), 2},
	} {
		m := EarnInvites{Interval: week, Epoch: noon.Add(-c.epoch)}
		if got := earned(noon.Add(-c.since), noon, m, c.has); got != c.want {
			t.Errorf("%s: %d codes, want %d", c.name, got, c.want)
		}
	}
}

// Whoever looks several times at once earns what is due once.
func TestEarnedOnce(t *testing.T) {
	w := newWorld(t, nil)
	who, _ := w.person("ann", "h")
	w.pass(3 * time.Hour)
	_, outcomes := race(w, 16, func(i int) mailbox.Message[*Accounts, Done] {
		m := EarnInvites{DID: who, Interval: time.Hour}
		for n := range MaxUnusedInvites {
			m.Codes = append(m.Codes, InviteCode(fmt.Sprintf("code-%d-%d", i, n)))
		}
		return m
	})
	if outcomes[""] != 16 {
		t.Errorf("%v", outcomes)
	}
	has, err := w.reads.InvitesOf(t.Context(), who)
	if err != nil || len(has) != 3 {
		t.Errorf("%d codes, %v", len(has), err)
	}
	refuse(w, ErrNotFound, EarnInvites{DID: "did:plc:nobody", Interval: time.Hour})
	if codes := []InviteCode{has[0].Code}; w.now().After(noon) {
		w.pass(time.Hour)
		refuse(w, ErrDuplicate, EarnInvites{DID: who, Interval: time.Hour, Codes: codes})
	}
}
