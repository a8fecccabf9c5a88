package repo

import (
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/actors/mailbox"
	"troupe/storage/car"
	"troupe/storage/repodb"
)

// BeginImport makes room beside the repository for one that is to take its
// place. An import that was begun earlier is given up. It is answered with
// [ErrLeftovers] while the file still removes what an earlier import left: the
// asker tries again; with [NotActive] for accounts that may not change.
type BeginImport struct {
	mailbox.To[*Repo, Begun]
	Above syntax.TID // the rev of the repository to come; its new commit stands above it
}

// Begun answers BeginImport.
type Begun struct {
	ID  repodb.ImportID
	Rev syntax.TID // of the commit to come
}

// StageImport adds a part of the repository to come. It is answered with
// [ErrImportGone] if the import was given up.
type StageImport struct {
	mailbox.To[*Repo, struct{}]
	ID      repodb.ImportID
	Nodes   []car.Block
	Records []repodb.StagedRecord
}

// FinishImport puts the staged repository in the place of the present one, under
// a commit that this server signs. It is answered with [ErrInvalidSwap] if
// somebody wrote since BeginImport, and with [ErrImportGone]. An active account's
// subscribers are told to read the repository again.
type FinishImport struct {
	mailbox.To[*Repo, Commit]
	ID             repodb.ImportID
	Data           cid.Cid // root of the staged tree
	Nodes, Records int     // that were staged
	Collections    []syntax.NSID
}

// AbandonImport gives an import up.
type AbandonImport struct {
	mailbox.To[*Repo, struct{}]
	ID repodb.ImportID
}
