package sequencing

import (
	"errors"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
)

// A head as most tests of admit find it.
var standing = Head{
	DID: testDID(1), Seq: 40, Rev: "3l4aaaaaaaa22", Commit: testCID("c1"), Data: testCID("d1"),
	Status: StatusActive, Incarnation: 1, CreatedAt: time.UnixMicro(1000).UTC(),
}

func entryOf(k Kind, v Visibility, next Change) Entry {
	return Entry{Kind: k, Visibility: v, Next: next, Frame: Frame{Prefix: []byte{1}, Suffix: []byte{2}}, Time: time.Unix(1, 0)}
}

func commitTo(rev, name string) Entry {
	return entryOf(KindCommit, Public, Change{Rev: tid(rev), Commit: testCID("c", name), Data: testCID("d", name)})
}

func TestValidate(t *testing.T) {
	did := testDID(1)
	ok := Expect{Rev: standing.Rev, Data: standing.Data, Status: StatusActive}
	tests := []struct {
		name   string
		append Append
		valid  bool
	}{
		{"commit", Append{DID: did, Expect: ok, Entries: []Entry{commitTo("3l4bbbbbbbb22", "x")}}, true},
		{"chain of commits", Append{DID: did, Expect: ok, Entries: []Entry{commitTo("3l4bbbbbbbb22", "x"), commitTo("3l4cccccccc22", "y")}}, true},
		{"identity without expectation", Append{DID: did, Entries: []Entry{entryOf(KindIdentity, Public, Change{})}}, true},
		{"import of an older rev, signed anew above both", Append{DID: did, Expect: ok, Entries: []Entry{
			entryOf(KindImport, Internal, Change{Rev: "3l3aaaaaaaa22", Commit: testCID(1), Data: testCID(2)}), commitTo("3l4bbbbbbbb22", "x")}}, true},

		{"no DID", Append{Expect: ok, Entries: []Entry{commitTo("3l4bbbbbbbb22", "x")}}, false},
		{"no entries", Append{DID: did, Expect: ok}, false},
		{"unknown kind", Append{DID: did, Expect: ok, Entries: []Entry{entryOf(99, Public, Change{})}}, false},
		{"public purge", Append{DID: did, Expect: ok, Entries: []Entry{entryOf(KindPurge, Public, Change{})}}, false},
		{"public without frame", Append{DID: did, Expect: ok, Entries: []Entry{{Kind: KindIdentity, Visibility: Public}}}, false},
		{"commit without data", Append{DID: did, Expect: ok, Entries: []Entry{entryOf(KindCommit, Public, Change{Rev: "3l4bbbbbbbb22", Commit: testCID(1)})}}, false},
		{"rev equal to the expected", Append{DID: did, Expect: ok, Entries: []Entry{commitTo("3l4aaaaaaaa22", "x")}}, false},
		{"revs that fall", Append{DID: did, Expect: ok, Entries: []Entry{commitTo("3l4cccccccc22", "x"), commitTo("3l4bbbbbbbb22", "y")}}, false},
		{"commit not above an older import", Append{DID: did, Expect: ok, Entries: []Entry{
			entryOf(KindImport, Internal, Change{Rev: "3l3aaaaaaaa22"}), commitTo("3l3bbbbbbbb22", "x")}}, false},
		{"commit without expected status", Append{DID: did, Expect: Expect{Rev: standing.Rev, Data: standing.Data}, Entries: []Entry{commitTo("3l4bbbbbbbb22", "x")}}, false},
		{"account change without expected status", Append{DID: did, Entries: []Entry{entryOf(KindAccount, Public, Change{Status: StatusTakendown})}}, false},
		{"new without a status", Append{DID: did, Expect: Expect{New: true}, Entries: []Entry{commitTo("3l4bbbbbbbb22", "x")}}, false},
		{"status out of range", Append{DID: did, Expect: ok, Entries: []Entry{entryOf(KindAccount, Public, Change{Status: 77})}}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.append.validate()
			if (err == nil) != tt.valid || err != nil && !errors.Is(err, ErrInvalid) {
				t.Errorf("validate: %v", err)
			}
		})
	}
}

func TestAdmit(t *testing.T) {
	deleted := standing
	deleted.Status = StatusDeleted
	takendown := standing
	takendown.Status = StatusTakendown
	bare := standing // an account without a repo yet
	bare.Rev, bare.Commit, bare.Data = "", cid.Undef, cid.Undef

	commit := []Entry{commitTo("3l4bbbbbbbb22", "x")}
	identity := []Entry{entryOf(KindIdentity, Public, Change{})}
	account := func(s Status) []Entry { return []Entry{entryOf(KindAccount, Public, Change{Status: s})} }
	create := []Entry{entryOf(KindAccount, Public, Change{Status: StatusActive}), commitTo("3l4bbbbbbbb22", "x")}
	createLate := []Entry{entryOf(KindAccount, Public, Change{Status: StatusActive}), commitTo("3l3bbbbbbbb22", "x")}
	expect := Expect{Rev: standing.Rev, Data: standing.Data, Status: StatusActive}
	with := func(f func(*Expect)) Expect { e := expect; f(&e); return e }

	tests := []struct {
		name    string
		head    Head
		exists  bool
		expect  Expect
		entries []Entry
		accept  bool
	}{
		{"commit on the expected head", standing, true, expect, commit, true},
		{"stale rev", standing, true, with(func(e *Expect) { e.Rev = "3l4aaaaaa2222" }), commit, false},
		{"other data", standing, true, with(func(e *Expect) { e.Data = testCID("other") }), commit, false},
		{"no data expected where there is some", standing, true, with(func(e *Expect) { e.Data = cid.Undef }), commit, false},
		{"no rev expected where there is one", standing, true, with(func(e *Expect) { e.Rev = "" }), commit, false},
		{"other status", takendown, true, expect, commit, false},
		{"a saga may say another status", takendown, true, with(func(e *Expect) { e.Status = StatusTakendown }), commit, true},
		{"commit of an unknown DID", Head{}, false, expect, commit, false},
		{"first commit of a bare account", bare, true, Expect{Status: StatusActive}, commit, true},
		{"account event needs no rev", standing, true, Expect{Status: StatusActive}, account(StatusTakendown), true},
		{"account event with a stale rev", standing, true, Expect{Status: StatusActive, Rev: "3l4aaaaaa2222"}, account(StatusTakendown), false},
		{"account event on another status", takendown, true, Expect{Status: StatusActive}, account(StatusDeactivated), false},
		{"identity in any state", takendown, true, Expect{}, identity, true},
		{"identity of an unknown DID", Head{}, false, Expect{}, identity, false},
		{"nothing after deletion", deleted, true, Expect{}, identity, false},
		{"not even for one who expects it", deleted, true, with(func(e *Expect) { e.Status = StatusDeleted }), commit, false},
		{"new", Head{}, false, Expect{New: true}, create, true},
		{"new where there is one", standing, true, Expect{New: true}, create, false},
		{"new after deletion", deleted, true, Expect{New: true}, create, true},
		{"new after deletion, rev not above the tombstone's", deleted, true, Expect{New: true}, createLate, false},
		{"new after deletion, without a commit", deleted, true, Expect{New: true}, create[:1], false},
	}
	now := time.UnixMicro(5000).UTC()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := Append{DID: standing.DID, Expect: tt.expect, Entries: tt.entries}
			if err := a.validate(); err != nil {
				t.Fatalf("not even valid: %v", err)
			}
			next, err := a.admit(tt.head, tt.exists, now)
			if (err == nil) != tt.accept {
				t.Fatalf("admit: %v", err)
			}
			if err != nil {
				r, ok := refusedWith(err)
				if !ok || r.Exists != tt.exists || r.Head != tt.head {
					t.Errorf("refused with %+v, want the head %+v", err, tt.head)
				}
				return
			}
			want := tt.head
			if tt.expect.New {
				want = Head{DID: standing.DID, Seq: tt.head.Seq, Incarnation: tt.head.Incarnation + 1, CreatedAt: now}
			}
			for _, e := range tt.entries {
				want.change(e.Next)
			}
			if next != want {
				t.Errorf("head is\n%+v\nwant\n%+v", next, want)
			}
		})
	}
}
