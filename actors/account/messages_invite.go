package account

import (
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
)

// CreateInvites stores new invite codes, all or none: the first share of Codes
// is for the first of For, and so on; all shares are equal. It is answered with
// [ErrDuplicate].
type CreateInvites struct {
	mailbox.To[*Accounts, Done]
	Codes     []InviteCode
	Uses      int64
	For       []string // DIDs or "admin"
	CreatedBy string   // a DID or "admin"
}

// EarnInvites makes the codes that an account has earned and not got yet, one
// for each Interval since it signed up, counted from Epoch on. At most
// [MaxUnusedInvites] lie unused at a time; codes that the operator gave do not
// count. An account whose invites are disabled gets them disabled.
// It is answered with [ErrNotFound], [ErrDuplicate].
type EarnInvites struct {
	mailbox.To[*Accounts, Done]
	DID      syntax.DID
	Interval time.Duration // above 0
	Epoch    time.Time
	Codes    []InviteCode // MaxUnusedInvites new ones, to be taken as needed
}

// DisableInvites makes invite codes good for nothing: those named, and every one
// of the accounts named. Unknown is success.
type DisableInvites struct {
	mailbox.To[*Accounts, Done]
	Codes    []InviteCode
	Accounts []syntax.DID
}

// AllowInvites says whether an account may give out the codes that it earns from
// now on. Unknown is success.
type AllowInvites struct {
	mailbox.To[*Accounts, Done]
	DID     syntax.DID
	Allowed bool
}
