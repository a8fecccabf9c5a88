// Package actors holds no code. The packages below it own the server's state:
// every decision is made by the actor that owns the file concerned. This page is
// the supervision tree, who owns which file, and what happens when something dies.
//
// # Supervision tree
//
//	pds ─ one-for-one
//	├─ sequencer     singleton   order, group commit, publishing, crawl notices
//	├─ accounts      singleton   sign-in, sessions, invites, codes by mail, mail that waits, second factors, saga steps
//	├─ identities    singleton   DID documents and handles, one flight per DID
//	├─ lexicons      singleton   schemas of record types that do not ship, if the operator wants them
//	├─ sagas         router
//	│  └─ <id>                   one per running story: sign-up, deletion, import …
//	├─ repos         router      admit, activate, forward, passivate, retire, quarantine
//	│  └─ <did>                  one per account that is in use
//	├─ sweeper       singleton   what nobody else comes by to remove
//	├─ (plcwatch)    goroutine   DIDs of accounts that somebody else changed
//	├─ mailer        singleton   takes mail from the queue of accounts to a mail server
//	└─ replicator
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
//	lexicons     lexicon_cache.sqlite
//	repo <did>   actors/<xx>/<did>/store.sqlite, key and key.next, and the rows that say which blobs are kept
//	saga <id>    nothing: its steps are rows of accounts, and it asks the owners of the rest
//	mailer       nothing: the queue is rows of accounts
//	sweeper      nothing: it asks the owners; what was renamed into actors/.trash is nobody's
//
// # Asks go one way
//
//	http → sweeper → sagas → {repo, accounts, identities} → sequencer
//	http → lexicons → identities
//	mailer → accounts, which rings its bell and waits for nothing
//
// Nobody asks back, and no actor asks itself. That is why they cannot wait for
// each other in a circle. Imports follow: mailbox ← sequencer ← repo, account,
// identity ← saga.
//
// # Order of stopping
//
// http → plcwatch → sweeper → sagas → repos → mailer → accounts → lexicons → identities → sequencer.
// Each waits until the one before has no turn left. Whatever a deadline cuts short
// is what a kill would cut short: the log has it, and the next start replays it.
//
// # Failure table
//
// A panic in a turn is never the end of more than its instance; one on a goroutine
// that an asker waits for, or that owns what others read, is either contained there
// or the end of the process, never a silence.
//
//	what dies                  what is lost                   who notices     what restarts it               proved by
//	a turn of any actor        that request's answer          its host        fresh instance from disk; the  mailbox:
//	(panic)                    (ErrCrashed: outcome unknown)                  queue goes on                  TestAPanicAnswersItsAskerAndSparesTheQueue,
//	                                                                                                         TestStorm
//	the same key, again and    requests of that key for a     its shard       itself, after the window       mailbox: TestQuarantine
//	again                      minute (ErrQuarantined)
//	a turn of a repo, its      as above, and the answers of   its host        replay on activation           repo: TestAPanicConcernsOneAccount, TestStorm
//	Start, its Stop, or        what that account had queued
//	applying its changes
//	a turn of the sequencer    that append's answer; appends  its host        fresh instance over the same   sequencer: TestAPanicLeavesAppendsTheirAnswers
//	                           under way get the log's own                    log
//	a subscription, notice or  that one                       the goroutine   the next question, event or    sequencer: TestPanicsBesideTheTurns
//	pruning beside the                                        itself          hour
//	sequencer
//	a decision of accounts     that request's answer, not     its host        fresh instance from the file   account: TestAPanicSparesTheBatch
//	                           the rest of its transaction
//	the commit of accounts     the answers of that            its host        fresh instance from the file   account: TestAPanicBehindADecision, TestFaults
//	                           transaction
//	a turn of identities       the lookups under way          its host        the next question              identity: TestPanicInATurn
//	                           (ErrCrashed)
//	a lookup of identities     that lookup                    identities      the next question              identity: TestPanicInALookup
//	did_cache.sqlite           time                           identities      replaced by an empty one       identity: TestRestart
//	a turn of lexicons         that answer (type unknown)     its host        the next write of that type    lexicon/resolver: TestAPanicInATurn
//	a look-up of lexicons      that look-up; a stale copy     lexicons        a later write of that type     lexicon/resolver: TestStaleCopiesSurviveFailures
//	                           is served on
//	lexicon_cache.sqlite       time                           lexicons        replaced by an empty one       lexicon/resolver: TestTheFileOutlivesTheActor
//	a story (saga)             its answer; its last step is   the stories'    itself, soon, or the start of  saga: TestAPanicOfOneStory, TestCrash,
//	                           a row                          supervisor      the server                     TestCrashWhileSettling
//	a deletion, between any    nothing: it goes on            the stories'    itself, soon, or the start of  saga: TestCrashOfADeletion,
//	two steps                                                 supervisor      the server                     TestCrashOfAResumedDeletion;
//	                                                                                                         cmd/pds: TestKilledServerLeavesNoHalfAccount
//	a change of status,        its answer                     its asker       nothing is left half done      saga: TestCrashOfAChange
//	around its append
//	the stories' supervisor    answers of those who wait;     its host        fresh instance from the rows   saga: TestAPanicOfTheSupervisor
//	                           stories stop between two
//	                           steps
//	an attempt to send mail    that attempt; the letter       the mailer      itself, later and later        mail: TestFailuresAreTriedAgain,
//	                           stays in the queue                                                            TestWhatIsHopelessIsGivenUp
//	a turn of the mailer, or   nothing; a letter on its way   its host, the   fresh instance from the        mail: TestAtLeastOnce, TestStopsLoseNothing;
//	the process while a mail   may come twice                 next start      queue                          cmd/pds: TestMailOutlivesKills
//	leaves
//	a chore of the sweeper     the rest of that run           the sweeper     its next run                   sweeper: TestAPanicOfAChore
//	a look of plcwatch         that look                      plcwatch        its next round                 plcwatch: TestRounds,
//	                                                                                                         TestLookBesideAStory
//	a turn of the sweeper      which accounts uploaded        its host        the daily round                sweeper: TestAPanicInATurn
//	                           something lately
//	an account's file does     requests of that key (the      its shard       the next request after a       mailbox:
//	not open                   error of Start)                                short pause                    TestStartErrorsAnswerEverythingAndAreTriedAgain
//	a singleton's file does    every request to it            itself          itself, after a short pause    mailbox: TestASingletonTriesAFailedStartAgain
//	not open any more
//	an actor leaves (LRU)      nothing                        its shard       the next request               mailbox: TestHandOver,
//	while it has work                                                                                        TestPassivationWaitsForHeldAnswers
//	an actor leaves between    nothing: file behind the log   its next start  replay on activation           repo: TestReplayEquivalence,
//	append and apply                                                                                         TestOlderFileCatchesUp,
//	                                                                                                         TestConcurrentWritersTinyLRU
//	Retire with work under     requests that come after it    its caller      release                        mailbox: TestRetireFinishesWhatTheActorHas,
//	way                        (ErrRetired)                                                                  TestRetireRaces
//	a router's shard (panic)   that request's answer          itself          goes on with its actors        mailbox: TestAShardContainsItsPanics
//	the Reaper, or the store   nothing: what is to be deleted itself          the account's next quiet       repo: TestADeletionThatFailsIsTriedAgain
//	that deletes for it        stays, hidden, in the file                     moment or upload
//	an upload, at any step     that upload; what it left is   the sweeper     the client                     repo: TestEveryStepOfABlobMayBeTheLast
//	                           hidden and swept
//	an import, at any step     that import, unless the log    its caller,     itself, or replay on           repo: TestAnImportEndsAnywhere,
//	                           has taken it                   its next start  activation                     TestAnImportIsReplayed
//	a rotation of a key, at    writes wait, then are refused  its story,      itself, or AdoptKey again      repo: TestRotationOutlivesItsActor,
//	any step                   (ErrRotating)                  its next start                                 TestRotationCrashesBetweenKeyAndChain
//	the flusher, or the sweep  nothing: the log keeps more    itself          the next second; the           repo: TestPanicsBesideTheActors
//	after a start              for a while                                    account's next request
//	a handler of a request     that answer (500)              the server of   the next request               http/xrpc: TestKeepAliveAfterErrors
//	                                                          requests
//	a firehose connection, or  that connection                itself          the consumer connects again,   http/firehose: TestAPanicEndsOneConnection,
//	what runs beside it                                                       with its cursor                TestPanicsBesideAConnection
//	the log itself (lost or    what no file had applied yet   the repo actor  its head is adopted, then      repo: TestFileAheadOfLog
//	restored)                                                                 #sync
//	the log's fsync, or any    nothing acknowledged           the committer   exit 70; recovery from disk    sequencing: TestFailedFsyncStops, TestEveryFault
//	commit but for want of
//	space
//	the committer, a callback  nothing acknowledged           the committer   exit 70; recovery from disk    sequencing:
//	on it, its copying of the                                                                                TestAPanicOfTheCommitterEndsTheProcess,
//	WAL (panic)                                                                                              TestAPanicOfTheCommitterStopsTheLog,
//	                                                                                                         TestAPanicOfTheCopyStopsTheLog
//	any other goroutine, as    nothing acknowledged           the runtime     exit 2; recovery from disk,    cmd/pds: TestKilledServerKeepsWhatItAnswered
//	those that wake readers,                                                  as after a kill
//	tick or send (panic)
//	the process or power       nothing acknowledged           the supervisor  replay of what files miss      sequencing: TestRestartWithoutClose;
//	                                                          outside                                        storage/sqlite:
//	                                                                                                         TestEveryStepMayBeTheLastBeforeAPowerCut;
//	                                                                                                         cmd/pds: TestKilledServerKeepsWhatItAnswered,
//	                                                                                                         crashtest
package actors
