package account

import (
	"errors"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/accountdb"
)

// KeepUnconfirmed is how long an account is kept that is never confirmed, or was
// brought along and is never activated.
const KeepUnconfirmed = 3 * 24 * time.Hour

// welcome mails the code that a sign-up waits for. Where no more mail may go to
// the address the owner asks for it later.
func (b *batch) welcome(row accountdb.Actor) error {
	if row.Awaits&AwaitsEmail == 0 {
		return nil
	}
	private, _, err := b.Account(row.DID)
	if err == nil {
		err = b.issue(row, private, PurposeConfirmEmail)
	}
	if errors.Is(err, ErrMailBudget) {
		return nil
	}
	return err
}

func admit(b *batch, m Admit) (Done, error) {
	if _, err := b.hosted(m.DID); err != nil {
		return Done{}, err
	}
	return Done{}, b.fulfil(m.DID, AwaitsEmail|AwaitsApproval)
}

// fulfil takes something away from what a sign-up waits for. One that was
// brought along waits for nothing then: its owner activates it.
func (b *batch) fulfil(did syntax.DID, what Awaits) error {
	row, found, err := b.Actor(did)
	if err != nil || !found || row.Awaits&what == 0 {
		return err
	}
	left, until := row.Awaits&^what, time.Time{}
	switch {
	case left&AwaitsEmail != 0:
		until = row.DeleteAfter
	case left == 0:
		until = b.now.Add(KeepUnconfirmed)
	}
	b.touch(did)
	if err := b.SetAwaits(did, left, until); err != nil || row.Awaits&what&AwaitsApproval == 0 {
		return err
	}
	private, found, err := b.Account(did)
	if err != nil || !found {
		return err
	}
	return b.notify(row, private.Email, "Your account is ready", "Your account has been approved. You can use it now.")
}
