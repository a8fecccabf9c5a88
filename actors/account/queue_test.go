package account

import (
	"slices"
	"testing"
	"time"

	"troupe/sequencing"
	"troupe/storage/accountdb"
)

// What a sign-up waits for only shrinks, and how long it is kept follows.
func TestWaiting(t *testing.T) {
	const all = AwaitsEmail | AwaitsApproval | AwaitsActivation
	for name, c := range map[string]struct {
		awaits  Awaits
		confirm bool
		admit   bool
		left    Awaits
		kept    time.Duration // from when it was let in; 0: for good
		mails   []Template
	}{
		"waits":                      {all, false, false, all, KeepUnconfirmed, []Template{"confirm_email"}},
		"confirmed":                  {AwaitsEmail | AwaitsActivation, true, false, AwaitsActivation, 0, []Template{"confirm_email"}},
		"confirmed, not approved":    {all, true, false, AwaitsApproval | AwaitsActivation, 0, []Template{"confirm_email"}},
		"approved":                   {AwaitsApproval | AwaitsActivation, false, true, AwaitsActivation, 0, []Template{TemplateNotice}},
		"approved, never confirmed":  {all, false, true, AwaitsActivation, 0, []Template{"confirm_email", TemplateNotice}},
		"brought along, confirmed":   {AwaitsEmail, true, false, 0, KeepUnconfirmed + time.Hour, []Template{"confirm_email"}},
		"brought along, approved":    {AwaitsApproval, false, true, 0, KeepUnconfirmed + time.Hour, []Template{TemplateNotice}},
		"waits for nothing":          {0, false, true, 0, KeepUnconfirmed, nil},
		"admitted after it was done": {AwaitsActivation, false, true, AwaitsActivation, KeepUnconfirmed, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			must(w, reservation("ann", ""))
			m := insertion("ann", "h", Grant{ID: "r", Expires: noon.Add(RefreshLifetime)})
			m.Account.Status, m.Account.Awaits, m.Account.DeleteAfter = sequencing.StatusDeactivated, c.awaits, noon.Add(KeepUnconfirmed)
			if a := must(w, m); a.Awaits != c.awaits {
				t.Fatalf("%d after the sign-up", a.Awaits)
			}
			mailed := func() (templates []Template) {
				mails, _ := w.waiting()
				for _, m := range mails {
					templates = append(templates, m.Template)
				}
				return templates
			}
			mails := mailed()
			w.send()
			w.pass(time.Hour)
			if c.confirm {
				must(w, IssueToken{DID: did("ann"), Purpose: PurposeConfirmEmail})
				must(w, ConfirmEmail{DID: did("ann"), Email: m.Account.Email, Token: w.send()})
			}
			if c.admit {
				must(w, Admit{DID: did("ann")})
			}
			mails = append(mails, mailed()...)
			var row accountdb.Actor
			err := w.reads.with(t.Context(), func(q *accountdb.Reader) (err error) {
				row, _, err = q.Actor(did("ann"))
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			until := time.Time{}
			if c.kept > 0 {
				until = noon.Add(c.kept)
			}
			if row.Awaits != c.left || !row.DeleteAfter.Equal(until) {
				t.Errorf("waits for %d until %v, want %d until %v", row.Awaits, row.DeleteAfter, c.left, until)
			}
			if a, _ := w.index.ByDID(did("ann")); a.Awaits != c.left || a.Queued() != (c.left != 0) || a.Released() != (c.left == AwaitsActivation) {
				t.Errorf("the index says %+v", a)
			}
			rotated := must(w, RotateSession{DID: did("ann"), ID: "r"})
			if want := map[bool]Scope{true: ScopeSignupQueued, false: ScopeAccess}[c.left != 0]; rotated.Scope != want {
				t.Errorf("the next session is of %s", rotated.Scope)
			}
			if !slices.Equal(mails, c.mails) {
				t.Errorf("mails %v, want %v", mails, c.mails)
			}
		})
	}
	w := newWorld(t, nil)
	refuse(w, ErrNotFound, Admit{DID: did("nobody")})
}
