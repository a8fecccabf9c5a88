// Package repo is the actor of one account's repository: the only one that
// may change it, and the only one that reads its file.
//
// # The path of a write
//
//	decide   command + state + a read-only view → entries, or a refusal   decide*.go
//	append   the sequencer's log: durable, or refused                     pump.go
//	apply    the entries' change to the account's file                    overlay.go, apply.go, storage/repodb
//	reply    once the append is durable
//
// While an append is on its way to the disk the actor goes on reading its
// mailbox: reads are answered from the committed state, writes queue. When the
// append lands, everything that queued is decided one after the other and
// appended as one chain. So a busy account pays one fsync for many writes, and
// a lone write pays exactly one.
//
// # Ownership
//
// A Repo owns <actors>/<xx>/<did>/store.sqlite and the signing key beside it
// while it is awake. Snapshots that it lent live on without it. The [Flusher]
// owns the knowledge of which files hold what durably.
//
// # Blobs
//
// The bytes of blobs lie in a store (storage/blob) and are moved by whoever has
// them at hand, never in a turn. The row in the account's file says what they
// are worth, and it is changed before and after, never instead:
//
//	ReserveBlob → uploading    the caller stores the bytes
//	ConfirmBlob → temporary    or permanent, where an imported record waits for it
//	a record    → permanent    decide takes only what is temporary or permanent
//	no record   → deleting     the [Reaper] deletes the bytes
//	ForgetBlobs → no row       or banned, if it is taken down
//
// So a crash anywhere leaves a row that promises less than there is, never more.
// Uploads that no record used (SweepBlobs) and bytes without a row (OrphanBlobs)
// go the same way, by the same owner: nobody deletes bytes on his own judgement.
// What must never meet is a deletion and an upload of the same bytes. A row that
// is deleting refuses the upload, and so does a batch that the Reaper holds,
// until the owner has forgotten it. A sweep stands between two chains, because a
// chain on its way may rest on a row that it would take.
//
// # Imports
//
// A whole repository comes in through an [Importer], in the goroutine of whoever
// sends it: it is written to disk, its blocks are hashed, its commit is judged and
// its tree walked, and what is found well is handed to the owner in batches:
//
//	BeginImport     makes tables beside the real ones, and remembers the head
//	StageImport …   fills them; what the account has already keeps its rev
//	FinishImport    refused if the head has moved; syncs the file, then appends
//	                the new head, signed here, and behind it the tables change
//	                names; what was replaced goes in small steps afterwards
//
// The file is synced before the append and changed after it. So a crash before
// the append leaves staging that the next activation removes, a crash behind it
// leaves staging that the next activation puts in place. The repository itself is
// not in the log: a copy of the file from before an import cannot catch up, and
// the activation that finds one says which entry it fails at.
//
// # Preferences
//
// The owner's private settings lie in the account's file and nowhere else: they
// are in no log, so they are written with an fsync of their own, and are answered
// behind it. Who may see or set which of them is decided here; clients send JSON
// and get back the same JSON.
//
// # Recent records
//
// For a moment after a write the services that show an account's records have
// not seen it. ReadRecent finds what is newer than the rev that they have: from
// the root of the tree down, below the nodes that came in since, in the range of
// one collection. It costs the nodes that the write touched and needs no index.
//
// # Rotation of the key
//
// A story above (actors/saga) changes the key that the world knows; the owner of
// the key files does the rest:
//
//	StageKey   key.next is durable, and no write is signed any more
//	           (the story asks the PLC directory, and knows what it answered)
//	AdoptKey   key.next becomes key, the old one stays as key.old.…, and the head
//	           is signed anew: an internal commit, identity, sync
//	DropKey    or: key.next goes, and the old key signs on
//
// The file key.next is the hold: an actor that starts beside one refuses writes, so
// no crash lets the old key sign behind the new one's announcement. While the actor
// lives writes wait in its queue, for HoldLimit at most, and are decided on top of
// the new head in the very chain that announces it. The new commit is internal:
// consumers who still hold the old key would refuse a #commit by the new one, and
// the #identity and #sync behind it tell them both in the order they need.
//
// How the account stands may change meanwhile ([SetStatus]): that entry is signed by
// nobody, and moderation must not wait for a directory that is down. It goes before
// the writes that are held, which then meet the status that it left. AdoptKey makes
// its chain for the status that it finds; without #sync where the account is not shown.
//
// # Recovery
//
// The log is the truth. On activation the actor compares its file with the
// account's head; what the file lacks is replayed by the same [repodb.Merge]
// and Apply that live writes use, in one durable transaction. A file that is
// ahead (its log was lost, or restored from a copy) has its head adopted as an
// internal entry followed by #sync. After a panic nothing in memory is trusted:
// the instance is dropped and the file read again.
//
// # Errors
//
// Sentinels of errors.go. ErrUnavailable wraps whatever keeps the actor from
// answering; the caller may try again.
//
// # Design notes
//
// Answers are given on the committer's goroutine, right after the message that
// advances the state was put into the mailbox. So a client that reads after
// its answer finds its write, and a crash between the two cannot turn a
// committed write into an error.
//
// Changes stay in memory for a while (the overlay) and reach the file several
// at a time. Rejected: applying in the write's own turn, which costs twice the
// CPU and adds nothing, since the log already holds the write.
//
// A blob that one record loses and another takes, in one batch, stays where it
// is; in two requests it is deleted, and the second is refused, even if both are
// decided in one chain: whether requests meet in a chain must not be visible.
//
// Rejected for blobs: removing the row together with the last record (an upload
// could then bring bytes that an older deletion takes away), deleting in the
// turn (a bucket answers in seconds), counting references (the table of them is
// there anyway and cannot disagree with itself).
//
// Which collections a commit brings in or leaves empty is told to the log and
// nobody else: decide knows it from the places of the keys it touches, which it
// visits anyway. The account's file has its records to tell from.
//
// Rejected for recent records: an index by rev (a page more to write with every
// commit, for reads that happen seldom), the newest keys of a collection (keys
// are the client's to choose, and a record may be edited), keeping the last ones
// in memory (an actor that was asleep has none).
//
// A refusal inside a chain answers its own writer only. A result that depends
// on an earlier write of the same chain, even a "nothing to do", is held until
// the chain is durable.
package repo
