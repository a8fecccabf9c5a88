package audit

import (
	"bytes"
	"slices"
	"time"

	comatproto "github.com/bluesky-social/indigo/api/atproto"
	"github.com/bluesky-social/indigo/atproto/repo"
	"github.com/bluesky-social/indigo/atproto/syntax"
)

// statuses are why an account is not active (com.atproto.sync.subscribeRepos#account).
var statuses = []string{"takendown", "suspended", "deleted", "deactivated", "desynchronized", "throttled"}

// checkSync verifies a #sync by itself: a CAR with the commit and nothing else.
func checkSync(f *findings, e Event, m *comatproto.SyncSubscribeRepos_Sync, now time.Time) *repo.Commit {
	checkCommon(f, e, m.Time)
	checkRev(f, e.Rev, now)
	if len(m.Blocks) > maxSyncBlocks {
		f.add(RuleLimit, "%d bytes of blocks", len(m.Blocks))
	}
	car, err := readCAR(bytes.NewReader(m.Blocks))
	if err != nil {
		f.add(RuleCAR, "%v", err)
		return nil
	}
	commit, err := car.commit()
	if err != nil {
		f.add(RuleCommit, "%v", err)
		return nil
	}
	if commit.DID != m.Did || commit.Rev != m.Rev {
		f.add(RuleCommit, "commit of %s rev %s in an event of rev %s", commit.DID, commit.Rev, m.Rev)
	}
	if n, first := car.unneeded(); n > 0 {
		f.add(RuleCAR, "%d blocks beside the commit, first %s", n, first)
	}
	return commit
}

func checkIdentity(f *findings, e Event, m *comatproto.SyncSubscribeRepos_Identity) {
	checkCommon(f, e, m.Time)
	if m.Handle == nil {
		return
	}
	if _, err := syntax.ParseHandle(*m.Handle); err != nil {
		f.add(RuleField, "handle: %v", err)
	}
}

func checkAccount(f *findings, e Event, m *comatproto.SyncSubscribeRepos_Account) {
	checkCommon(f, e, m.Time)
	switch {
	case m.Active && m.Status != nil:
		f.add(RuleField, "active and %s", *m.Status)
	case !m.Active && m.Status == nil:
		f.add(RuleField, "not active, and not why")
	case !m.Active && !slices.Contains(statuses, *m.Status):
		f.add(RuleField, "status %q", *m.Status)
	}
}
