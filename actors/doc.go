// Package actors holds no code. The packages below it own the server's state:
// every decision is made by the actor that owns the file concerned. This page is
// the supervision tree, who owns which file, and what happens when something dies.
//
// # Supervision tree
//
//	pds ─ one-for-one
//	├─ sequencer     singleton   order, group commit, publishing, crawl notices
//	├─ accounts      singleton   sign-in, sessions, invites, e-mail tokens, saga steps
//	├─ identities    singleton   DID documents and handles, one flight per DID
//	├─ sagas         router
//	│  └─ <id>                   one per running story: sign-up, deletion, import …
//	├─ repos         router      admit, activate, forward, passivate, retire, quarantine
//	│  └─ <did>                  one per account that is in use
//	└─ mailer · sweeper · replicator
//
// Everything is supervised one-for-one and restarted, never escalated: one
// account's trouble is nobody else's. Package mailbox is the runtime.
//
// # Who owns what
//
// At any moment a file has exactly one owner. Others ask it, or read through a
// connection that it lends. storage/doc.go says what each file is worth.
//
//	sequencer    sequencer.sqlite and sequence.ceiling
//	accounts     account.sqlite, and the index of accounts it publishes
//	identities   did_cache.sqlite
//	repo <did>   actors/<xx>/<did>/store.sqlite, key and key.next, and the rows that say which blobs are kept
//	saga <id>    nothing: its steps are rows of accounts, and it asks the owners of the rest
//
// # Asks go one way
//
//	http → sagas → {repo, accounts, identities} → sequencer
//
// Nobody asks back, and no actor asks itself. That is why they cannot wait for
// each other in a circle. Imports follow: mailbox ← sequencer ← repo, account,
// identity ← saga.
//
// # Order of stopping
//
// http → sagas → repos → accounts → identities → sequencer. Each waits until the
// one before has no turn left. Whatever a deadline cuts short is what a kill
// would cut short: the log has it, and the next start replays it.
//
// # Failure table
//
//	what dies               what is lost                  who notices      what restarts it                       proved by
//	a turn of any actor     that request's answer         its host         fresh instance from disk; the queue    mailbox: TestAPanicAnswersItsAskerAndSparesTheQueue
//	(panic)                 (ErrCrashed: outcome unknown)                  goes on
//	the same key, again     requests of that key for a    its shard        itself, after the window               mailbox: TestQuarantine
//	and again               minute (ErrQuarantined)
//	an account's file does  requests of that key          its shard        the next request after a short pause   mailbox: TestStartErrorsAnswerEverythingAndAreTriedAgain
//	not open                (the error of Start)
//	a singleton's file does every request to it           itself           itself, after a short pause            mailbox: TestASingletonTriesAFailedStartAgain
//	not open any more
//	an actor leaves (LRU)   nothing                       its shard        the next request                       mailbox: TestHandOver, TestPassivationWaitsForHeldAnswers
//	while it has work
//	an actor leaves between nothing: file behind the log  its next start   replay on activation                   repo: TestReplayEquivalence, TestOlderFileCatchesUp, TestConcurrentWritersTinyLRU
//	append and apply
//	the log itself (lost or what no file had applied      the repo actor   its head is adopted, then #sync        repo: TestFileAheadOfLog
//	restored)               yet
//	a router's shard        that request's answer         itself           goes on with its actors                mailbox: TestAShardContainsItsPanics
//	(panic)
//	a story (saga)          nothing: its last step is a   accounts         the start of the server, or the next   saga
//	                        row                                            request to it
//	a lookup of identities  that lookup                   identities       the next question                      identity: TestPanicInALookup
//	did_cache.sqlite        time                          identities       replaced by an empty one               identity: TestRestart
//	the log's fsync         nothing acknowledged          the committer    exit 70; recovery from disk            sequencing
//	the process or power    nothing acknowledged          the supervisor   replay of what files miss              sequencing, storage/sqlite: TestEveryStepMayBeTheLastBeforeAPowerCut
//	                                                      outside
//	Retire with work under  requests that come after it   its caller       release                                mailbox: TestRetireFinishesWhatTheActorHas, TestRetireRaces
//	way                     (ErrRetired)
package actors
