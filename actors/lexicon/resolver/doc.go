// Package resolver finds schemas of record types that do not ship with the server: it
// asks the network who published them, and remembers the answers.
//
// # What it is
//
//	_lexicon.<authority domain>  TXT did=…      network.go
//	→ DID document → PDS, signing key           Options.Document
//	→ com.atproto.sync.getRecord, a proof       network.go, proof.go
//	→ documents it refers to, the same way      resolve.go
//	→ a lexicon.Catalog that knows the type     lexicon.Catalog.Extend
//
// A proof is a commit signed by the authority's key, the nodes of the tree that lead to
// the record, and the record. Nothing is believed that they do not prove; the host it
// came from, and whoever sits in between, can withhold a schema and not change it. An
// older state than one seen before is refused too.
//
// [Types] is the way in for handlers. A write of an unknown type does not wait: it is
// told that the type is unknown, and the look-up goes on behind it. One that insists
// on a schema (validate: true) waits three seconds.
//
// # Ownership
//
// One actor, [Lexicons], owns lexicon_cache.sqlite and the look-ups under way: at most
// one per type and a bounded number in all. A turn reads memory or the file and starts
// look-ups; the network is only touched by a look-up's own goroutine, which also
// compiles. It asks identities, by a function of Options; nobody asks back.
//
// # On disk
//
// lexicon_cache.sqlite (package storage/lexdb), safe to delete. A file that is damaged
// or foreign is replaced, and one that cannot be written only costs time.
//
// # Rules
//
//   - A copy is served for six hours; from then on it is served while a new one is
//     fetched, and for 90 days if none can be had, whatever the reason: a domain that
//     lapsed must not turn records invalid that were valid yesterday.
//   - A look-up that brought nothing is not repeated for a minute, or for ten if the
//     answer was definite. Failures are kept in memory only.
//   - What a schema refers to is part of it: all of it is resolved, or the type stays
//     unknown. A half-known schema would refuse or admit by accident of the network.
//   - Types and documents of the embedded catalog are never asked for and never
//     replaced.
//   - Requests take at most 3 s each and 12 s together, a proof has at most 1 MiB, a
//     schema 256 KiB and 16 documents. Redirects are not followed. Every byte goes
//     through a client of package outbound, which judges addresses when it dials.
//
// # Errors
//
// The actor answers [ErrUnknown], which wraps why. Panics of a look-up become its error.
//
// # Design notes
//
// Everything goes through the mailbox; there is no table that handlers read directly.
// Records of unknown types are few, a question costs microseconds, and a turn never
// waits for anything but the file.
//
// Rejected: indigo's ResolvingCatalog. It reads the record by com.atproto.repo.getRecord
// without a proof, with a client of its own, without a bound on time or size, and keeps
// no copy that outlives the process. Rejected: looking a schema up at the parent domains
// too: whoever has example.com would speak for all the names below.
package resolver
