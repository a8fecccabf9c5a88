// Package mailbox is the actor runtime: typed requests to actors that own files,
// and routers that keep at most one live actor per key. It is the only package
// that imports protoactor-go, and of that only its package actor.
//
// # Asking
//
//	type GetRecord struct {
//		mailbox.To[*Repo, Found] // a Repo answers this with a Found
//		Collection syntax.NSID
//	}
//	found, err := mailbox.Ask(ctx, repos.Of(did), repo.GetRecord{…}) // found is a Found
//
// A message says who receives it and what it is answered with; the wrong pair
// does not compile. A request travels as a letter with its asker's context and
// one slot for the answer. The guarantees:
//
//   - Every letter is answered exactly once, whatever happens: by the handler, at
//     the door (ErrBusy, ErrRetired, ErrQuarantined, ErrStopped), at a crash
//     (ErrCrashed), or behind a stop (ErrStopped).
//   - What one goroutine sends to one address is read in that order, also when the
//     actor is handed over in between.
//   - A letter whose context has ended by the time it is read is not handled.
//   - Nothing is unbounded: a gate counts what is admitted and not yet answered,
//     per key and in total, so queues and held answers are both covered by it.
//
// # Ownership
//
//	host      one per library PID; runs the turns of one instance after another (host.go, instance.go)
//	shard     directory and parent of a share of the keys; alone starts and ends their actors (shard.go)
//	router    the door in front of the shards (router.go)
//	keeper    supervises singletons (spawn.go)
//	workers   the goroutines that turns run on (workers.go)
//
// The invariant of this package: at any moment at most one instance of a key
// exists between Start and the return of Stop. A shard is single-threaded, and a
// key it holds is waiting, active or leaving:
//
//  1. A request for an active key is forwarded. Every other goes to the key's
//     pending list.
//  2. To make a key leave (least recently used, Retire, failed Start, quarantine,
//     Close) the shard sends it one last message. Because the shard alone sends,
//     in order, whatever was forwarded is handled before, and nothing comes after.
//  3. The actor stops when it has given the answers that it held (Later), at the
//     latest 30 s after that message.
//  4. The library's Terminated, sent after Stop returned, is the barrier: only then
//     may the key be activated again, with what is pending.
//
// Active and leaving actors together never exceed a hard cap (a quarter above the
// LRU); keys beyond it wait, in order, and their number is bounded too.
//
// # Failures
//
//	what                  who is answered what                            then
//	Start error           every request gets that error                   the key leaves; pause of 50 ms doubling to 5 s
//	panic in Start        ErrCrashed, the same way                        the same
//	panic in a turn       its asker and all held answers get ErrCrashed   Stop(Crashed), fresh instance, the queue goes on
//	Crashes in Window     what is queued gets ErrQuarantined              refused for one Window
//	panic in Stop         nobody waits for it                             contained; leftovers get ErrStopped or ErrCrashed
//	panic in a shard      its letter gets ErrCrashed                      contained; the shard keeps its actors
//
// A singleton has no shard to replace it: it tries a failed Start again by
// itself, with the same pauses, and after several crashes its restarts are paced in
// the same way. Only its very first Start decides Spawn.
//
// # Design notes
//
// Traps of the library that this package is built around, each covered by a test:
// a panic leaves its asker waiting (hosts answer first, then panic on); a stop
// drops the queue in silence (queue answers what is left, and dead letters are
// answered too); a panic while stopping revives the actor (contained); a name is
// free before the old actor has finished (Terminated is the barrier); bounded
// mailboxes spin their senders (gates instead); futures race and cost a registry
// entry and a timer each (slots instead); ReceiveTimeout races (a tick instead);
// a restarted parent stops its children (shards contain their panics).
//
// Rejected:
//   - A map of the live actors under a mutex, with the letter sent under the lock.
//     One hop less (about 1.5 µs of CPU), equally correct; but activation,
//     eviction, retirement, quarantine and backpressure would all be code that runs
//     on anybody's goroutine under a lock. Here they are turns of one actor.
//   - The library's goroutine per run of a mailbox: the stack of each had to grow
//     again, which was 46 % of the CPU of an Ask. Parked goroutines are used again;
//     unlike a pool, nothing ever waits for one.
//   - The library's ways to go on after a panic with the same state. An instance
//     that crashed is never used again, and neither are results that come back to
//     it: Self.Run is bound to its instance.
//   - Stopping a leaving actor at once: an append cannot be cancelled, so its asker
//     would be told an error although the write happened.
package mailbox
