// Package repodb is the file of one account: store.sqlite, the projection of
// the account's entries in the log, plus the private state that is nobody
// else's business (blob rows, preferences).
//
// # Ownership
//
// One repo actor owns the read-write handle of a file at any moment, and nobody
// else can open the file beside it: a command line tool is told that the
// database is locked. A snapshot is a second, read-only connection to the same
// file that is lent to a long reader; the owner opens the file again as Shared
// for it, and an owner that follows shares it as long as the snapshot lasts.
// [Snapshots] bounds how many there are.
//
// # On disk
//
// <actors>/<xx>/<did>/store.sqlite with its -wal, and a -shm once it was shared. Repository tables
// may be lost or rolled back: they are rebuilt from the log. Blob rows and
// preferences are not in the log and may not be lost; they are written with
// synchronous=FULL.
//
// # Errors
//
// Those of storage/sqlite, and [ErrWrongAccount] when a file belongs to
// another DID than its place says.
//
// # Design notes
//
// Records are stored by (collection, rkey) with their bytes in the row and not
// in a table of blocks by CID. The tree's order is the table's order, so
// listRecords and a whole export are scans (a look-up per block by CID gives a
// sixth of the throughput), a record that exists under two keys needs no
// reference count, and a write dirties one page less. The price is an index on
// the CID for getBlocks.
//
// Revs are integers: a TID holds 63 bits, and the text form takes more than
// twice as much. They need no index: what is new since a rev is found from the
// root, because nothing new lies below a node that is not, and an index would be
// one more page to write with every commit. The walk for a few recent records is
// bounded, because it happens in the owner's turn.
//
// What a record points at is a column of it, with an index over the few rows
// that have one: a table of its own would have to be cleared with every record
// that is written. Rows are written with REPLACE, which SQLite compiles in less
// time than an upsert: accounts sleep most of the time, and whoever wakes pays
// for all its statements again.
//
// An import is gathered in tables of its own, which then change names with the
// real ones: one short transaction, whatever the size. They are made when an
// import begins, because every table costs time whenever a file is opened, and
// hold what was replaced until that is removed in small steps. Rejected: copying
// the staged rows over (the account would stand still for as long as that takes),
// a file of its own for the import (the private state would have to move, and two
// files do not change in one transaction), keeping what is equal and staging only
// the difference (the swap would again take as long as the difference is large).
// Whoever stages nodes does it in the order of their CIDs, as far as memory allows:
// each is looked up in the table that is replaced, for the rev that brought it in, and
// in the order of the tree every one of them would be on another page of both.
//
// The row of a blob outlives its last record: it stays, as deleting, until the
// bytes are gone, so that whoever brings the same bytes again meets it. The rows
// that somebody has to come back to are in an index of their own, which is empty
// most of the time.
//
// How many rows there are is kept in the root row ([Counts]), which is written
// with every commit anyway: an owner who moves here asks again and again, and to
// count a large account takes seconds. What a commit adds is known from its
// operations; a transaction gathers its changes and writes them once, at its end.
// Rejected: triggers, which would be five more statements to read at every open.
//
// Several commits are applied in one transaction as their net effect
// ([Merge]): tree nodes live for one commit on average near the root of a busy
// repository, and most of them never need to reach the file.
package repodb
