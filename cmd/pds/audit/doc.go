// Package audit checks a Personal Data Server from the outside: what its
// firehose says, what its repositories hold, and whether the two agree with
// each other and with what was answered to writers.
//
// # What it is
//
// [Stream] verifies events one by one and as histories: the events of one
// account chain by rev and tree, sequence numbers ascend and are never given
// to other bytes. [Auditor] is a Stream with a server: it follows
// com.atproto.sync.subscribeRepos, replays it from any cursor and compares the
// bytes, exports every repository and compares it with the last event,
// getLatestCommit, listRepos and getRepoStatus. [Acks] is the writers' side:
// every answered write is on the firehose exactly once, an unanswered one at
// most once.
//
// What is broken is a [Finding] that names its [Rule]; nothing is repaired and
// nothing stops at the first finding.
//
// # Ownership
//
// A Stream belongs to one goroutine at a time. An Auditor does too, apart from
// [Acks], which any number of writers may fill.
//
// # On disk
//
// Nothing.
//
// # Errors
//
// Errors are about the auditor itself: no connection, no directory. A server
// that says something wrong makes findings, never errors.
//
// # Design notes
//
// Nothing here shares code with what writes events: frames, trees, commits and
// signatures are read by indigo and by go-car. A checker that read them with
// the server's own packages would agree with the server's own mistakes; a test
// holds this package to its imports.
//
// A frame must be the bytes that indigo's encoder makes of what it decodes.
// That is one comparison for what would be many rules: canonical integers, key
// order, no unknown or doubled field, nothing behind the end.
//
// indigo's VerifyCommitMessage is not called as a whole: it logs instead of
// failing where an operation has no prev, stops at the first problem, and does
// not look for blocks that nobody needs. Its parts are used: CAR, tree,
// inversion, signature.
//
// Keys: a signature is checked with the key of the DID document. The document
// is read once per DID, again after an #identity event, and once more before a
// signature is called wrong. For a did:plc the keys of the directory's audit
// log are tried last, so that a history from before a key rotation verifies.
//
// With [Options.Complete] the stream is promised to begin with the first event
// of the server. Only then is an account's beginning checked (identity,
// account, commit, sync) and its content rebuilt from operations, which takes
// memory for every record.
package audit
