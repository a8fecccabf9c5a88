// Package fsck checks a data directory at rest: every rule that needs no
// network and no running server. It is what `pds fsck` runs, and what tests run
// after they have made a server suffer.
//
// The log is the truth and every account's file is a projection of it, so the
// question is always the same: is each file what the log says, or an earlier
// state from which the log leads on? A file that is behind is legal (the next
// activation replays the rest); one that is ahead, or that stands beside the
// log's line, is a finding. What is legal and worth knowing is a note.
//
// # Rules
//
//	log          SQLite's own check, and the log against itself: checksums, numbers,
//	             revs, since and prevData, heads (storage/logdb)
//	ceiling      the ceiling file is there, whole, and not below any number used
//	event        a commit's blocks, operations, signature and private effects agree,
//	             and undoing the operations gives prevData; a #sync shows the commit
//	             before it, an #account the status
//	effects      what commits brought in and took out is what the file holds
//	listed       the log lists an account under the collections that its file holds
//	index        account.sqlite against itself; its accounts and states are the log's
//	store        an account's file against itself: SQLite, tree, records, references
//	blob         the bytes that a file promises are there, in that number; in a store
//	             on disk, a bucket is not asked
//	head         the commit that the file stands on decodes and says what its row says
//	signature    the account's key verifies that commit
//	ahead        the file holds something that the log does not
//	fork         file and log have different commits of one rev
//	gap          the file is behind, and the log no longer leads on from there
//	mark         the log believes a file to hold more than it does
//	key          signing keys are there and open with this key-encryption key
//	cache        did_cache.sqlite and lexicon_cache.sqlite against themselves
//	orphan       a folder belongs to an account, and to the one of its name
//	mode         files 0600, folders 0700
//
// # Ownership
//
// The caller holds the data directory's lock, so nothing moves meanwhile.
// Several accounts are checked at a time, each by one goroutine with
// connections of its own.
//
// # On disk
//
// Nothing is written, created or migrated. SQLite cannot read a database in
// WAL mode without a -wal and a -shm beside it; where they were missing they are
// removed again. An existing -shm, which holds nothing that is not in the -wal,
// may be made anew.
//
// # Errors
//
// [Check] returns an error only if it could not look at all. What is broken is
// a [Finding]; what could not be opened for a reason that is no damage (a file of
// a newer version, a missing permission) is counted as unseen.
//
// # Design notes
//
// Memory is bounded by the largest account's tree (its node CIDs) and a few
// hundred bytes per account that has entries in the log; findings are given out
// as they are made.
//
// One cause is to be one finding, since a list that begins with the
// consequences hides it: an account whose rows in the log are broken is not
// replayed, a file that SQLite finds broken is not walked, and so on. The
// second run, after the repair, sees the rest.
//
// The check functions of storage/*db are used as they are. The events are
// judged by code of its own here and not by what the repo actor replays with:
// a wrong idea there would be wrong on both sides.
//
// Rejected: repairing. What can be repaired repairs itself at the next start;
// the rest needs a person who knows which copy to trust.
package fsck
