// Package lexdb is the file lexicon_cache.sqlite: schemas of record types that were
// resolved over the network, and when.
//
// # Ownership
//
// One handle, owned by the lexicons actor.
//
// # On disk
//
//	lexicon  one row per record type: whose it is, the rev that proved it, the time,
//	         and every document that compiling it takes
//
// The file may be lost, rolled back or deleted at any moment: everything in it can be
// asked for again. Commits are therefore not synced. Rows are removed by age and by
// their size in all ([DB.Trim]); nothing else bounds the file, because strangers
// choose which types are looked up.
//
// # Errors
//
// Those of package sqlite, wrapped once. [DB.Check] lists broken invariants.
//
// # Design notes
//
// A row holds the whole closure of a schema, not one document: what compiled when it
// was fetched compiles when it is read, whatever has become of the parts elsewhere.
// That common parts are stored more than once is the price. Rejected: rows for
// failures. They are of interest for minutes, and memory has them.
package lexdb
