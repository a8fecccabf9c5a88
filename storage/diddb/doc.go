// Package diddb is the file did_cache.sqlite: DID documents and handles that were
// resolved over the network, and when.
//
// # Ownership
//
// One handle, owned by the identities actor.
//
// # On disk
//
//	documents  one row per DID: the document exactly as it was received, and the time
//	handles    one row per handle: the DID it resolved to, and the time
//
// The file may be lost, rolled back or deleted at any moment, also while the server is
// stopped in the middle of a write: everything in it can be asked for again. Commits
// are therefore not synced. Rows are removed by age and number ([DB.Trim]); nothing
// else bounds the file, because strangers choose which DIDs are looked up.
//
// # Errors
//
// Those of package sqlite, wrapped once. [DB.Check] lists broken invariants.
//
// # Design notes
//
// A document is kept as bytes and not as a parsed value: what the server repeats to
// others (describeRepo, createSession) has fields that it does not know itself.
// Rejected: caching failures. A DID that does not exist yet is asked for seconds
// before it is created.
package diddb
