// Package sequencing is the event log as a library: what an entry is, the bytes
// of its frame, the [Log] with its guarantees and its embedded implementation,
// and the way from there to subscribers. There is no actor in it; package
// actors/sequencer owns the log's life.
//
// # How an append goes
//
//	Append ─► queue ─► committer: compare every head, write rows and heads,
//	(any       (bounded  COMMIT, fsync ─► ring ─► done, in order
//	goroutine)  by bytes)                  └─► subscribers
//
// There is one committer goroutine. While it waits for the disk, appends queue;
// the next transaction takes them all. So a lone writer pays one fsync, a
// thousand writers share one, and there is no timer to tune.
//
// Inside a batch each append sees the heads as the ones before it left them, and
// is accepted or refused by itself; a refusal leaves no trace.
//
// # How an event reaches a subscriber
//
// The [Ring] holds the newest public events. A [Subscription] is a position: as
// long as the ring reaches back to it, it reads from the ring, otherwise a page
// from the log. Both hold the same numbers and bytes, so changing over needs no
// care beyond one rule: the ring knows its floor, above which nothing is missing
// in it, and everything at or below the floor is in the log. One goroutine reads
// one subscription with Next, which waits, or many with Poll, which does not, and
// those who stand at the same number share a [Batch].
//
// # Ownership
//
// The committer goroutine owns the writing connection, the numbers, its cache of
// heads and everything else in [SQLiteLog] but the queue and the read
// connections. A [Ring] is written by the committer and read by anyone without a
// lock. A [Subscription] belongs to one goroutine. A [Clock] is shared.
//
// # On disk
//
// sequencer.sqlite and sequence.ceiling, see storage/logdb.
//
// # Errors
//
// [Refused] carries the head as it is. [ErrFull]: the disk is full, nothing was
// kept, and it heals by itself. Any other failure of the disk under the log calls
// LogOptions.Fatal, by default the end of the process with status 70: after a
// failed fsync the kernel may have dropped what it was to write and report the
// next fsync as a success, so there is nothing that could be answered truthfully.
// The next start reads what is really there. [ErrCorrupt]: a row is damaged;
// reading stops in front of it, it is never sent.
//
// A panic on the committer's goroutine, an append's callback included, is treated
// like such a failure. In the goroutine that wakes the readers it ends the
// process: it would sleep for ever otherwise, and so would they.
//
// # Design notes
//
// Why the log comes first and the account's file second: stands in actors/repo
// and in the README; this package is what makes it cheap.
//
// Numbers may have gaps: internal entries, purged and pruned rows, and the rest
// of a block after each start. Consumers must take them for nothing, and the
// protocol says so.
//
// A slow subscriber costs no memory, because it has no queue; it is ended all the
// same once it is far behind the live stream, as the protocol asks, so that its
// operator notices. One that reads history is judged only by whether the pruning
// catches up with it.
//
// Collections are not part of a stored entry. Nothing that replays one needs
// them: the log's own table changes in the transaction that adds the entry, so
// there is no state in which the one is there without the other, and an account's
// file has its records to tell from.
//
// Waking a thousand readers takes longer than committing a batch. The publisher
// therefore starts a goroutine that does it, and one that is about to do it
// covers whatever is published meanwhile.
//
// The WAL is copied back by a goroutine with a handle of its own: twenty
// megabytes of scattered pages and the fsync behind them held up every append for
// a tenth of a second and more. The committer copies only what was added
// meanwhile; then nothing is left to copy, and the WAL starts over. It is never
// cut, so that in the long run an append writes over blocks that the file already
// has, and its fsync does not have to wait for the file system's journal.
//
// Rejected: a mutex around the ring (a reader that the scheduler puts aside while
// it holds a read lock stops the committer); a queue per subscriber (memory times
// subscribers, and a second place where events can be lost); a cut-over that
// overlaps backfill and live stream and drops duplicates (more states than one
// position has); waiting some milliseconds for a batch to fill (latency for
// everybody, and the fsync does the same for nothing); a rev floor in the head
// for imports that bring an older rev (the clock stands above both).
package sequencing
