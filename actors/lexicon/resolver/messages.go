package resolver

import (
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/lexicon"
	"troupe/actors/mailbox"
)

// Lookup asks for a catalog that knows the record type NSID. It is answered at once:
// with a copy, which may be stale and is then fetched anew in the background, or with
// ErrUnknown, and the network is asked in the background. With Wait the answer comes
// when the network has answered; ErrUnknown still comes at once if it was asked a
// moment ago, or if too many wait.
type Lookup struct {
	mailbox.To[*Lexicons, *lexicon.Catalog]
	NSID syntax.NSID
	Wait bool
}
