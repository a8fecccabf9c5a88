package atproto

import (
	"context"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/mailbox"
)

// admit lets in somebody who has signed up and waits. It reports whether anybody
// waited: of everybody else "not deactivated" means what it says.
func (h Admin) admit(ctx context.Context, did syntax.DID) (waited bool, err error) {
	if a, ok := h.Index.ByDID(did); !ok || !a.Queued() {
		return false, nil
	}
	if _, err := mailbox.Ask(ctx, h.Accounts, account.Admit{DID: did}); err != nil {
		return true, err
	}
	h.letIn(ctx, did)
	return true, nil
}
