package repo

import (
	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
	"troupe/sequencing"
)

// StageKey puts the key of a rotation beside the current one. It is answered
// when the file is durable, everything signed before is on its way to nowhere
// any more, and nothing is signed for the repository until [AdoptKey] or
// [DropKey]. Writes wait for that, but no longer than Config.HoldLimit; then they are
// answered with [ErrRotating]. An actor that starts and finds such a key holds
// its writes in the same way, so a crash lets none through.
// Asked again with the same key it changes nothing. It is answered with
// [ErrNotFound], [ErrRotating] (another key is staged).
type StageKey struct {
	mailbox.To[*Repo, sequencing.Head]
	Key atcrypto.PrivateKeyExportable
}

// AdoptKey makes the staged key the account's key, signs the head anew with it
// and announces both: identity, then sync. The old key stays, sealed. Asked
// again, also after a crash anywhere in it, it does what is left and announces
// again. It is answered with the new head, or with [ErrNoStagedKey] if neither
// the staged nor the current key is the one that is named.
type AdoptKey struct {
	mailbox.To[*Repo, sequencing.Head]
	Public string        // did:key of the staged key
	Handle syntax.Handle // that the identity event names
}

// DropKey removes a staged key that nobody will ever know of, and lets writes go
// on with the current one. Unknown is success.
type DropKey struct {
	mailbox.To[*Repo, sequencing.Head]
}
