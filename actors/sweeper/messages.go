package sweeper

import (
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
)

// Uploaded says that an account was given bytes that no record uses yet.
type Uploaded struct {
	mailbox.To[*Sweeper, struct{}]
	DID syntax.DID
}

// Sweep asks for a chore now, or as soon as the one under way has ended. It is
// answered when it has ended, with what it removed, also if it failed half-way;
// [ErrNoChore].
type Sweep struct {
	mailbox.To[*Sweeper, Report]
	Chore Chore
}
