package fsck

import (
	"context"
	"slices"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/sequencing"
	"troupe/storage/logdb"
)

// listed compares the collections under which the log lists the account with
// those of its file. A file that is behind says nothing about them.
func (a *account) listed(ctx context.Context, log *logdb.View) error {
	var want []syntax.NSID
	if sequencing.Status(a.head.Status) != sequencing.StatusDeleted {
		if a.lost || !a.file.whole || !a.file.root.Commit.Equals(a.head.Commit) {
			return nil
		}
		want = a.file.collections
	}
	var got []syntax.NSID
	err := log.Read(ctx, func(r *logdb.Reader) (err error) {
		got, err = r.Collections(a.head.ID)
		return err
	})
	switch {
	case damaged(err) && ctx.Err() == nil:
		return nil // the log's own check has said so
	case err != nil:
		return err
	}
	for _, nsid := range want {
		if !slices.Contains(got, nsid) {
			a.bad(RuleListed, a.logged(0), "the file holds records of %s, the log does not list the account there", nsid)
		}
	}
	for _, nsid := range got {
		if !slices.Contains(want, nsid) {
			a.bad(RuleListed, a.logged(0), "the log lists the account under %s, of which it has no records", nsid)
		}
	}
	return nil
}
