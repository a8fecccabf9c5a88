// Package saga runs the stories that span actors: above accounts and repos,
// asked by http, asking downwards only.
//
// # Stories
//
// A kind of story is a line of the table in kinds.go, a message, and a file with
// its steps. The supervisor ([Sagas]) gives each story to an actor of its own and
// makes three promises:
//
//   - A DID has one story at a time. Others of it wait in line, a bounded number
//     of them, moderation first; what cannot wait is told [ErrBusyAccount]. The
//     same holds over restarts and crashes for stories with a row: table saga has
//     a DID once.
//   - A story with a row is gone on with until it ends: soon after it was cut
//     short, and at the start of the server; with growing pauses.
//   - Stop ends stories between two steps.
//
// What an owner began and the directory does not let end keeps other stories of
// the owner waiting, and neither moderation nor a deletion, which takes its place.
//
// A story that changes things in one step, which is one append, needs no row:
// there is nothing that a crash could leave half done.
//
// # Sign-up
//
//	check, hash the password, make the key and the PLC operation     prepare.go
//	reserved   handle, address, DID and invite are held              the row says so from here on
//	           the folder is made, the key sealed in it              folder.go
//	sending    the operation goes to the PLC directory               steps.go
//	inserted   account rows, use of the invite, session
//	           creation chain: identity, account, commit, sync       actors/repo
//	(no row)   complete
//
// The names on the left are what the stored story says ([account.Saga]): it is
// written before the step is taken, so what is stored may have happened or not,
// and nothing that is not stored has. A DID that was brought along skips the
// sending; its account starts deactivated, with one internal commit instead of
// the chain, and is to be deleted three days later if it is never activated.
//
// # Deletion
//
//	marked     the row says so from here on                          delete.go
//	           the repo actor leaves, and none of the DID may come
//	           exports are ended
//	           #account deleted; the DID's other entries go with it  one append
//	           account rows, with all that hangs on them             actors/account follows the log
//	           the folder goes to .trash and is unlinked             trash.go
//	           requests reach an actor again, which finds nothing
//	           blobs, on disk or in a bucket; what is cached
//	(no row)   complete
//
// Each step looks whether it has been taken, so one name for all of them is
// enough. Before the append the account is whole, and used; from the append on it
// has never been, whatever its files say. Whoever asked is answered when the
// folder is gone. Blobs may take longer, and hold the DID: an account that comes
// back under it must not lose its own with them. It comes back as the next
// incarnation, above the rev of the tombstone.
//
// # Activation, deactivation, takedown
//
// One append each, that carries the new status and its reasons
// ([sequencing.Standing]) to account.sqlite. The head of the log knows the
// outcome, in which a takedown wins; the reasons know what the owner wanted, and
// that is what lifting a takedown finds.
//
// Activation asks whether the DID leads here first ([Residence]). Taking part
// again is announced as account, identity, sync; a head that another key has
// signed gets an internal commit first.
//
// Where Options.Await says so, a sign-up is kept from the public like that: its
// account waits for a confirmed address, or for approval, and is activated after
// that by whoever sees to it (actors/account), with Activate as anybody's.
//
// # What is told to whom
//
// The PLC directory cannot be asked to forget, and it can take an operation
// without the answer arriving. So the rule is: an operation is sent only while
// the person who asked for it is waiting, and what nobody waits for is settled
// by reading.
//
//   - The directory takes it: the account is completed, whatever happens to the
//     client meanwhile.
//   - It refuses, and no earlier sending is in doubt: everything is undone and
//     the client is told ([ErrRefused]).
//   - It does not answer: it is asked again with the same bytes until Patience
//     is over or the client has left. Then the client is told so
//     ([ErrUnconfirmed]), and the story is left to settle: every so often, with
//     growing pauses, the directory is asked whether the DID exists. If it does,
//     the account is completed; the client was told that this may happen, and
//     its password works. If it does not, and the last sending is longer ago
//     than Settle, so that no copy can be on its way any more, everything is
//     undone. As long as the directory is silent the names stay held.
//   - The person tries again with the same handle, address, invite and
//     password: that goes on with the unfinished story, sending included. To
//     anybody else the handle is taken.
//   - The server dies: the client has no answer, so nobody waits, so the story
//     settles at the next start by the same rule.
//
// So no account is ever made behind the back of somebody who was told no: after
// a refusal there is nothing left to complete, and after an open outcome nothing
// is sent any more. No DID that may exist is tombstoned or forgotten. What a
// late copy could still leave, after Settle, is a DID that nobody uses and that
// points to this server; it has no account and its key is gone.
//
// After the DID exists the story only goes forward. A full disk or a busy repo
// is answered with [ErrUnfinished] and tried again, with growing pauses, until
// it works.
//
// A newcomer may also get a did:web of the handle, if the operator offers that:
// nothing is sent, the account starts active, and this server answers for the DID
// from then on (http/web). Such a DID is given once: the log remembers it after the
// account is deleted. A DID that is brought along gets the signing key that was
// reserved for it, if there is one, so that its document can name it before.
//
// # Changes of an identity
//
//	ChangeHandle  the handle is held → PLC operation → #identity → handle.go
//	              the accounts actor gives it to the account
//	SubmitPLC     the owner's operation is judged → sent → #identity   submit.go
//	RotateKey     key.next is sealed, writes held → PLC operation →    rotate.go
//	              key.next is key, the head signed by it, #identity,
//	              #sync → writes go on
//
// All of them send a stored operation by the rule above, in operation.go, and settle
// by reading: is this very operation in the DID's log? Then the rest is done, else,
// after Settle, nothing has happened. Nothing is sent where the directory says
// already what it shall; the announcement is made all the same. A did:web has no
// directory: its owner's document must say it first ([ErrNotConfigured]), and where
// this server answers for it there is nothing to say.
//
// While the outcome of a rotation is open the account cannot write: whichever key
// signed, somebody would refuse it. Takedowns, their lifting and deletions sign
// nothing and are carried out meanwhile. The rotation settles under whatever status
// it finds then; a deletion takes its place, and key.next goes with the folder.
//
// # Ownership
//
// [Sagas] owns the list of stories under way, their timers and the lines before
// them. A story that is being told is an actor of its own, "sagas/<id>", with one
// turn that lasts as long as it goes on; the name keeps a second one away. A
// sign-up owns the account's folder until the repo actor is asked to create the
// repository.
//
// # On disk
//
// Rows of tables saga and reservation in account.sqlite, written by the accounts
// actor. They are gone when the story has ended. A stored sign-up holds a
// password hash and a signed operation, and never a key.
//
// # Errors
//
// Sentinels of errors.go and of actors/account. See [SignUp].
//
// # Bounds
//
// Running clients of a kind at once, sixteen in a line, sign-ups as long as there
// are less than Unsettled unfinished stories, eight of those looked at at a time.
//
// # Design notes
//
// The key is not stored with the story. It is written to its place before
// anything is sent; a story that stopped earlier is undone, so a lost key is
// never needed.
//
// The use of the invite is held with the names. Counting it when the account is
// inserted would let two sign-ups make two DIDs for one use.
//
// The PLC operation is made after the row is stored and read again only from there:
// two operations on the same predecessor are two different ones, and only one can be
// looked for. Rejected: keeping a handle that was given up for its last owner; names
// in use elsewhere are looked up by DID, and a server cannot tell who comes back.
//
// A folder that exists before the DID is reserved is somebody's, and the sign-up
// is refused. So undoing may remove the folder, and still refuses to where it
// finds more than a key.
//
// Rejected for deletions: a name for every step (what is stored could contradict
// what is there, and what is there is right), deleting rows by a message of its
// own (an older copy of account.sqlite would bring them back; following the log
// does not), removing the folder in place (half of one under the account's name
// would be taken for a damaged account). Rejected for changes of status: a row
// for the reasons, written before or after the append, either of which a crash
// makes a lie.
//
// Rejected: answering at once and completing in the background; clients of
// createAccount expect to be signed in by the answer. Rejected: sending in the
// background, which makes accounts for people who gave up hours ago.
package saga
