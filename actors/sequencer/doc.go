// Package sequencer is the actor that owns the log: its file, its order, and
// what follows from an event that became durable.
//
// # Ownership
//
// It owns sequencer.sqlite, the ceiling file beside it and the ring of recent
// frames, from Spawn to Stop. The log itself (package sequencing) may be read
// by anybody; only this actor appends to it.
//
// # On disk
//
// sequencer.sqlite and sequence.ceiling: see storage/doc.go. Neither may be lost.
//
// # Errors
//
// Those of package sequencing, unchanged.
//
// # Design notes
//
// An append is forwarded in its turn and answered later, from the committer's
// goroutine: the actor never waits for the disk, and group commit happens below
// it. The actor is there so that the log has one owner with a place in the
// shutdown order, and for what an event sets off: telling relays to crawl, and
// pruning what nobody needs any longer.
//
// A crawl notice goes out for the first event after the start, then at most
// every twenty minutes. An event inside that time schedules one notice for its
// end; the reference sends none then, so the last writes of a busy hour wait
// for somebody to write again.
package sequencer
