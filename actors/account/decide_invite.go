package account

import (
	"time"

	"troupe/storage/accountdb"
)

// MaxUnusedInvites is how many earned codes of an account may lie unused.
const MaxUnusedInvites = 5

func createInvites(b *batch, m CreateInvites) (Done, error) {
	share := len(m.Codes)
	if len(m.For) > 0 {
		share /= len(m.For)
	}
	for i, owner := range m.For {
		err := b.insertInvites(m.Codes[i*share:(i+1)*share], Invite{Uses: m.Uses, ForAccount: owner, CreatedBy: m.CreatedBy})
		if err != nil {
			return Done{}, err
		}
	}
	return Done{}, nil
}

func (b *batch) insertInvites(codes []InviteCode, like Invite) error {
	for _, code := range codes {
		if _, found, err := b.Invite(code); err != nil || found {
			return either(err, ErrDuplicate)
		}
		like.Code, like.CreatedAt = code, b.now
		if err := b.InsertInvite(like); err != nil {
			return err
		}
	}
	return nil
}

func earnInvites(b *batch, m EarnInvites) (Done, error) {
	row, err := b.hosted(m.DID)
	if err != nil {
		return Done{}, err
	}
	private, _, err := b.Account(m.DID)
	if err != nil {
		return Done{}, err
	}
	has, err := b.InvitesOf(m.DID)
	if err != nil {
		return Done{}, err
	}
	n := min(earned(row.CreatedAt, b.now, m, has), len(m.Codes))
	return Done{}, b.insertInvites(m.Codes[:n], Invite{
		Uses: 1, ForAccount: m.DID.String(), CreatedBy: m.DID.String(), Disabled: private.InvitesDisabled,
	})
}

// earned is how many codes an account has earned and not got. Intervals are
// counted from the sign-up, also where the epoch falls into one: a code is due
// at the same time of day for as long as the account lives.
func earned(since, now time.Time, m EarnInvites, has []accountdb.UsedInvite) int {
	due := int(now.Sub(since) / m.Interval)
	if since.Before(m.Epoch) {
		due -= int(m.Epoch.Sub(since) / m.Interval)
	}
	room := MaxUnusedInvites
	for _, i := range has {
		if i.CreatedBy == "admin" {
			continue // a gift
		}
		if !i.Disabled && i.Used < i.Uses {
			room--
		}
		if i.CreatedAt.After(m.Epoch) {
			due--
		}
	}
	return max(min(due, room), 0)
}

func disableInvites(b *batch, m DisableInvites) (Done, error) {
	for _, code := range m.Codes {
		if err := b.DisableInvite(code); err != nil {
			return Done{}, err
		}
	}
	for _, did := range m.Accounts {
		if err := b.DisableInvitesOf(did); err != nil {
			return Done{}, err
		}
	}
	return Done{}, nil
}

func allowInvites(b *batch, m AllowInvites) (Done, error) {
	return Done{}, b.SetInvitesDisabled(m.DID, !m.Allowed)
}
