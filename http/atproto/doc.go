// Package atproto holds the handlers of com.atproto.*: a type per namespace, a
// method per NSID, a file per namespace.
//
// A handler takes a credential and a checked input and returns an output or an
// error. It knows nothing of JSON, headers or SQL, and decides nothing about a
// repository or an account: it finds the actor to ask and puts the answer into
// the words of the lexicon.
//
// # Ownership
//
// None. Handlers share the immutable account index and addresses of actors.
//
// An upload belongs to its request: the bytes are collected in a file of their
// own, which is gone when the handler returns, before their owner hears of them.
//
// # Errors
//
// Errors of the actors pass through; the table in troupe/http translates them.
// Errors of this package are refusals that only the wire knows: a repository
// that the caller may not see, parameters that contradict each other.
//
// # Design notes
//
// Where a handle points is this server's to say for handles under its own
// domains, and nobody asks the network about them; for any other the network
// decides, also for an account that is hosted here and claims it.
//
// Refreshing an identity asks for a session, and resolving one does not: only the
// former makes this server ask others at will.
//
// What is known of accounts on other servers comes from one [Foreign], so that
// handlers do not know who that is, or how he is asked.
package atproto
