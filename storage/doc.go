// Package storage has no code. The packages below it know files and bytes and no
// flow of the protocol; this page says which file is whose and what it is worth.
//
//	sqlite     the only place where a database is opened
//	repodb     store.sqlite, one per account      accountdb   account.sqlite
//	logdb      sequencer.sqlite                   diddb       did_cache.sqlite
//	lexdb      lexicon_cache.sqlite
//	blob       bytes of blobs, on disk or in a bucket
//	keys       signing keys, sealed, and the folder of an account
//	replica    copies in a bucket, and the way back
//	dag        the data model: JSON and DAG-CBOR
//	car, mst   the file a repository travels in, and its tree
//	interop    tests only: the fixtures that all implementations share
//
// # Files
//
// Paths are relative to the data directory; <xx> is the first two hex digits of
// sha256(did). A database "x" is x, x-wal and x-shm together: a copy of the first
// without the second is an older state, or none.
//
//	path                             owner             how large                 may it be lost?    may it be rolled back?
//	sequencer.sqlite                 sequencer actor   some KB per event of the  no (1)             no (1)
//	                                                   backfill window
//	sequence.ceiling                 sequencer actor   a line                    with the log        with the log
//	                                                                             intact, yes (2)     intact, yes (2)
//	account.sqlite                   accounts actor    accounts and sessions     no                 loses since then: passwords,
//	                                                                                                sessions, invites (3)
//	did_cache.sqlite                 identities actor  bounded by a row count    yes, any time      yes
//	lexicon_cache.sqlite             lexicons actor    bounded, below 100 MB     yes, any time      yes
//	actors/<xx>/<did>/store.sqlite   repo actor        the repository and an     no                 as far as the log reaches
//	                                                   index of it                                  back (4)
//	actors/<xx>/<did>/key            repo actor        below 1 KB                no (5)             no
//	actors/<xx>/<did>/key.next       repo actor        below 1 KB                not during a       no
//	                                                                             key rotation
//	actors/reserved_keys/            the process       below 1 KB each, some     yes: who reserved  yes
//	                                                   thousand at most          one asks again
//	actors/.trash/                   deletion saga     what is being deleted     yes                yes
//	blobs/                           repo actor (8)    what was uploaded         no                 no (6)
//	blobs/tempt/                     the process       uploads under way         yes                yes
//	keys/kek                         the process       32 bytes                  never (7)          never
//
//	(1) The log is the truth: an acknowledged write is in it before it is anywhere
//	    else. Log lost or rolled back: a declared restore takes over the heads that
//	    the account files have, announces them with #sync, and loses the writes and
//	    states that no file had applied yet.
//	(2) It keeps numbers from being used twice when the log itself is restored from
//	    an older copy. The two may only be lost one at a time.
//	(3) Handles and states catch up from the log by themselves.
//	(4) The repository is replayed from the entries after the copy, which the log
//	    keeps until they have been applied and flushed, and beyond that for the
//	    backfill window. Preferences and rows of blobs that no record refers to are
//	    in no log and stay as old as the copy. A repository that was imported is in
//	    no log either: a copy from before the import cannot catch up.
//	(5) Without it nothing more can be signed. The account is rescued by the PLC
//	    rotation key and a new signing key.
//	(6) A record whose blob is gone shows a hole. A blob without a row, as after
//	    a rollback of store.sqlite, is collected in time.
//	(7) It opens every key of every account. Back it up once, and apart from the
//	    rest: who has both can sign as anybody.
//	(8) Bytes are put by whoever uploads, once the owner has reserved a row for
//	    them, and deleted by the Reaper, once the owner has given them up
//	    (actors/repo). Or they lie in a bucket.
//
// # Ownership
//
// Exactly one owner per file at any moment, the actor in the table; others read
// through connections that the owner lends, or ask. One process per data
// directory.
//
// # Errors
//
// Each package has sentinels of its own, to be tested with errors.Is. What the
// disk does wrong is classified in one place, package sqlite: full is not broken.
//
// # Design notes
//
// Imports run one way: nothing here imports sequencing, actors or http. Packages
// that parse what strangers send (dag, car, mst) take bytes and give values; they
// open nothing and keep nothing.
package storage
