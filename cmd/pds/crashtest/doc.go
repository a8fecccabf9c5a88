// Package crashtest kills a server at random moments under load, again and
// again, and finds out whether it kept its word. It is what `pds crashtest`
// runs.
//
// # What it is
//
// A campaign starts the program itself as a server on loopback, with few places
// for many accounts, so that crashes meet accounts that fall asleep and wake.
// [Options.Writers] clients write to it: creates, puts, deletes, batches, likes
// that replace older ones, some accounts much more than others and some with
// thousands of records. Newcomers sign up meanwhile. A subscriber reads the
// firehose from before the first write and over all restarts.
//
//	kill     kill -9 at a random moment; sometimes again while it starts
//	power    the data lies on an ext4 image whose journal is cut off at a random
//	         moment: what was not synced is gone (Linux, root)
//	startup  kill -9, then several times more 5–50 ms into the recovery
//	full     the image is filled to the brim under load: writes are refused with
//	         503 InsufficientStorage, reads and the firehose are served, also after
//	         a restart; when space returns everything goes on by itself
//
// [RunLives] is a smaller run beside the campaigns: kill -9 while accounts are
// deleted, deactivated, activated and taken down. Each of these has happened
// afterwards, whole, or has not, and what was answered has; it is apart because
// what leaves takes its history along, which the campaigns are there to compare.
//
// # What is checked
//
// After each round: no number of the firehose means two things, what is
// replayed has the bytes that were seen, every account stands at or above what
// was last acknowledged. Every [Options.AuditEvery] rounds and at the end, with
// the writers at rest: every acknowledged write is on the firehose exactly once
// and is answered by getRecord, every export equals its firehose, every
// unanswered write happened once or not at all, nobody asked for nothing
// (package audit), and between a crash and the next start the files are what
// package fsck demands, SQLite's own check among it.
//
// # Ownership
//
// The campaign owns the server process, the folder [Options.Dir], the mounted
// image, and the PLC directory, which lives in this process so that identities
// outlive the crashes. The verifier's goroutine owns the auditor; others hand it
// jobs.
//
// # On disk
//
// Below Dir: data/ or disk.img mounted at disk/, acks.jsonl (every answer, on
// the file system that does not crash, synced), server.log. All of it is removed
// after a campaign that found nothing. After one that did, everything stays, the
// image mounted, to be looked at.
//
// # Errors
//
// [Run] returns an error if the campaign itself could not go on. What the server
// did wrong is in the [Report]. The campaign stops at the first audit that finds
// something: what follows would only be consequences.
//
// # Design notes
//
// Between the moment when the power goes and the one when the process is gone
// too, every step to the disk fails, and the server answers 503
// NotEnoughResources, as it does for one account whose file cannot be read. The
// report counts these apart: outside of that moment a client should meet none.
// A 500 outside of it is a finding.
//
// A write whose answer stayed away is neither lost nor done: it may have
// happened once. Puts are sent again until they are answered, as a client
// would, and must then have happened once.
//
// The subscriber only takes frames from the socket; they are verified behind a
// queue, and the writers wait when it is long. A subscriber that verified as it
// reads would be late, and blind to events that were sent and then lost.
//
// The port is chosen below the ephemeral ones. A client that dials an ephemeral
// port where nobody listens can be connected to itself, and the server then
// finds its port taken.
//
// Rejected: a fault-injecting file system in user space. It would be a second
// opinion about what a sync means; the kernel's own is at hand.
package crashtest
