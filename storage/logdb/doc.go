// Package logdb is the file of the event log: tables, SQL, checksums, the
// ceiling beside it, and the invariants of both. It knows rows and numbers;
// what they mean is package sequencing's.
//
// # Ownership
//
// A [DB] writes, and belongs to one goroutine: the committer of package
// sequencing. A [View] only reads; any number of them may be open beside the
// writer, each used by one goroutine at a time. Neither waits for the other. A
// [Copier] writes nothing new: it copies the WAL into the file beside the writer.
//
// # On disk
//
// sequencer.sqlite, WAL, synchronous=FULL: one fsync per transaction is all the
// durability that the write path has, and all it needs.
//
//	head   a row per DID, tombstones included, never deleted
//	log    a row per entry: the wire frame as it is sent, the private effects,
//	       what it did to the head, and a CRC-32C over all of it and the DID
//	meta   the mark of account.sqlite
//	collection  which accounts hold records of which collection
//
// sequence.ceiling, one line of text: a number and its checksum. No number above
// it was ever given out. It is replaced by rename, file and directory synced,
// before the first number below it is used; so whatever happens to the log
// itself, numbers go on above those that subscribers may have seen.
//
// # Errors
//
// Those of storage/sqlite as they are, [ErrChecksum] for a row that is not what
// was written, [ErrCeiling] for a ceiling file that cannot be believed.
//
// # Design notes
//
// A head has a short integer name, and rows of the log carry that instead of the
// DID: the index by account shrinks to a fourth, and stays in memory that much
// longer. The checksum covers the DID, so a row that hangs on the wrong head is
// found out.
//
// There is no index on (seq, applied_seq). It would be written twice for every
// append, for a question that is asked once per start.
//
// created_at is indexed and therefore not named by the update of the hot path:
// SQLite rewrites the index of every column that a statement names.
//
// Times come from clocks, and clocks go wrong. Pruning and the window search an
// index on time instead of bisecting the numbers, so that an island of wrong
// times neither stops pruning nor hides what stands behind it.
//
// The collections stand here and not in account.sqlite, so that the transaction
// that makes a commit true makes them true: neither a crash nor a restore of the
// file can part the two. They hold the short name too, which makes a row a third
// of what a DID would make it, and an order in which whoever pages meets new
// accounts last. A commit touches them only if it brings in the first record of a
// collection or takes out the last.
//
// The checker reads frames by itself. If it shared the decoder with package
// sequencing, one mistake could hide another.
//
// Rejected: the ceiling as a row of the database, since it exists for the case
// that the database is lost or set back; one row per batch instead of one per
// entry, which would save pages, and cost the pruning and the purge of single
// accounts; a linked list through the rows of a DID instead of the index, which
// saves a page per append and breaks where rows are pruned out of order.
package logdb
