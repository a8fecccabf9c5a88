package account

import (
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
)

// Admit ends the waiting of somebody who has signed up, on the operator's word:
// neither approval nor a confirmed address is waited for any more. Whoever waits
// for nothing is admitted already. Activating the account is the asker's affair,
// and is done later by whoever looks for [Reads.Released]. It is answered with
// [ErrNotFound].
type Admit struct {
	mailbox.To[*Accounts, Done]
	DID syntax.DID
}
