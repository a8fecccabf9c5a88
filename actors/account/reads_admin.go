package account

import (
	"context"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/accountdb"
)

// UsedInvite is an invite with everybody who came with it.
type UsedInvite = accountdb.UsedInvite

// InvitePlace is a place in a list of invites.
type InvitePlace = accountdb.InvitePlace

// Info is everything that operators may know of an account.
type Info struct {
	DID             syntax.DID
	Handle          syntax.Handle
	Email           Email // "": it does not sign in here
	CreatedAt       time.Time
	ConfirmedAt     time.Time // zero: the address is not confirmed
	DeactivatedAt   time.Time // zero: its owner has not deactivated it
	Awaits          Awaits    // what its owner waits for since signing up
	InvitesDisabled bool
	InvitedBy       *UsedInvite // nil: it came without an invite
	Invites         []UsedInvite
}

// Infos tells about those of the accounts that are here, in the order of dids.
func (r *Reads) Infos(ctx context.Context, dids []syntax.DID) (all []Info, err error) {
	err = r.with(ctx, func(q *accountdb.Reader) error {
		for _, did := range dids {
			row, found, err := q.Actor(did)
			if err != nil {
				return err
			}
			if !found {
				continue
			}
			info, err := infoOf(q, row)
			if err != nil {
				return err
			}
			all = append(all, info)
		}
		return nil
	})
	return all, err
}

// Search lists accounts whose address contains a text ("": all that have one),
// in the order of their DIDs and behind a DID, at most limit.
func (r *Reads) Search(ctx context.Context, email Email, after syntax.DID, limit int) (all []Info, err error) {
	err = r.with(ctx, func(q *accountdb.Reader) error {
		dids, err := q.SearchAccounts(email, after, limit)
		if err != nil {
			return err
		}
		for _, did := range dids {
			row, _, err := q.Actor(did)
			if err != nil {
				return err
			}
			info, err := infoOf(q, row)
			if err != nil {
				return err
			}
			all = append(all, info)
		}
		return nil
	})
	return all, err
}

func infoOf(q *accountdb.Reader, row accountdb.Actor) (Info, error) {
	i := Info{DID: row.DID, Handle: row.Handle, CreatedAt: row.CreatedAt, DeactivatedAt: row.DeactivatedAt, Awaits: row.Awaits}
	private, _, err := q.Account(row.DID)
	if err != nil {
		return i, err
	}
	i.Email, i.ConfirmedAt, i.InvitesDisabled = private.Email, private.ConfirmedAt, private.InvitesDisabled
	by, found, err := q.InviteUsedBy(row.DID)
	if err != nil {
		return i, err
	}
	if found {
		i.InvitedBy = &by
	}
	i.Invites, err = q.InvitesOf(row.DID)
	return i, err
}

// InvitesOf lists an account's invite codes, oldest first.
func (r *Reads) InvitesOf(ctx context.Context, did syntax.DID) (all []UsedInvite, err error) {
	err = r.with(ctx, func(q *accountdb.Reader) (err error) {
		all, err = q.InvitesOf(did)
		return err
	})
	return all, err
}

// Invites lists every invite code behind a place (zero: from the top), at most
// limit: the most used first, or else the newest.
func (r *Reads) Invites(ctx context.Context, byUse bool, after InvitePlace, limit int) (all []UsedInvite, err error) {
	err = r.with(ctx, func(q *accountdb.Reader) (err error) {
		if byUse {
			all, err = q.UsedInvites(after, limit)
		} else {
			all, err = q.RecentInvites(after, limit)
		}
		return err
	})
	return all, err
}

// Released lists accounts that wait for nothing but to be activated, at most limit.
func (r *Reads) Released(ctx context.Context, limit int) (all []syntax.DID, err error) {
	err = r.with(ctx, func(q *accountdb.Reader) (err error) {
		all, err = q.Released(limit)
		return err
	})
	return all, err
}

// QueuedBefore is how many accounts that wait for approval came before another.
func (r *Reads) QueuedBefore(ctx context.Context, did syntax.DID) (n int64, err error) {
	err = r.with(ctx, func(q *accountdb.Reader) (err error) {
		n, err = q.QueuedBefore(did)
		return err
	})
	return n, err
}
