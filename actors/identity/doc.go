// Package identity resolves DIDs and handles for the whole server and remembers the
// answers.
//
// # Ownership
//
// One actor, [Identities], owns did_cache.sqlite and the lookups under way: at most
// one per DID and one per handle, and a bounded number of each in all. A turn reads
// the cache and either answers or puts the asker on a lookup's list; the network is
// only ever touched by the lookup's own goroutine, whose result comes back as another
// turn. A host that never answers therefore delays those who ask for it, and nobody
// else. The actor asks no other actor.
//
// # On disk
//
// did_cache.sqlite (package storage/diddb), safe to delete. A file that is damaged or
// foreign is replaced, and a cache that cannot be written only costs time.
//
// # Rules
//
//   - A copy is served for one hour; from then to 24 hours it is served while a new
//     one is fetched; older, the asker waits. A refresh that failed is not repeated
//     for a minute. Fresh always waits, for a lookup that begins after the question.
//   - did:plc is read from the directory, did:web from its host name; every document
//     must be about the DID that was asked for. "No such DID" drops the cached copy,
//     a failing network does not.
//   - A handle is asked of DNS (exactly one did= record under _atproto) and of its
//     well-known file at once; DNS wins, several records are an error that HTTPS does
//     not heal. Reserved top-level domains, .test among them, are never looked up
//     outside development.
//   - What failed is not cached: it may exist in a second.
//
// # Errors
//
// See the Err variables; each also matches indigo's sentinel where there is one.
// [mailbox.ErrBusy] when too many lookups are under way.
//
// # Design notes
//
// [Directory] is the way in for code that verifies tokens: it asks, reads the key from
// the document and implements indigo's identity.Directory.
//
// Rejected: indigo's CacheDirectory and BaseDirectory. The first caches in memory
// only, failures included, and has no stale period; the second reads bodies without a
// cap and asks DNS before HTTPS instead of beside it. Its document types and helpers
// are used. Rejected: joining a forced refresh to a lookup already under way, which
// may have read the document from before the change that made the refresh necessary.
package identity
