// Package repodb is the file of one account: store.sqlite, the projection of
// the account's entries in the log, plus the private state that is nobody
// else's business (blob rows, preferences).
//
// # Ownership
//
// One repo actor owns the read-write handle of a file at any moment. A
// snapshot is a second, read-only connection to the same file that is lent to
// a long reader; [Snapshots] bounds how many there are.
//
// # On disk
//
// <actors>/<xx>/<did>/store.sqlite with its -wal and -shm. Repository tables
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
// Revs are integers: a TID holds 63 bits, and the text form would double the
// indexes that serve `since`.
//
// Several commits are applied in one transaction as their net effect
// ([Merge]): tree nodes live for one commit on average near the root of a busy
// repository, and most of them never need to reach the file.
package repodb
