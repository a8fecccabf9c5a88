// Command relay compares a server's firehose with what a relay makes of it.
//
// run.sh, beside this file, starts `pds dev` and the relay of the indigo
// project on ports of their own, points the second at the first, and runs this
// program between them:
//
//	cmd/pds/e2e/relay/run.sh
//
// It signs accounts up, writes a mixed load (creates, likes, updates, deletes,
// batches), reads both firehoses, and demands that every event of the server
// comes out of the relay: the same bytes but for the number, in the same order
// for each account. Then run.sh looks for the lines in the relay's log that say
// that something was not verified, or was dropped.
//
// A relay re-encodes what it passes on, gives it numbers of its own, and works
// on many accounts at a time, so numbers and the order between accounts are not
// compared. It takes the handle out of an #identity that it could not resolve,
// and no handle of a server on localhost can be; that is counted and allowed.
//
// With -moves it writes nothing and watches several servers that one relay reads,
// while accounts move between them (../account.sh does that): all that the relay
// says was said by a server, byte for byte and in its order for each account, and
// all that a server said about an account of its own came through.
//
// # Ownership
//
// One goroutine reads each firehose, one writes for each account; the ledger
// that they share has a lock.
//
// # On disk
//
// Nothing here. run.sh keeps logs and data in a folder that it names at the end.
//
// # Errors
//
// Exit code 1: the firehoses differ, or a write was refused. 2: it could not be
// found out.
//
// # Design notes
//
// The load waits whenever the relay is more than a few hundred events behind:
// it is a test of what is said and not of how fast. Built on no package of the
// server, so that an encoder which is wrong cannot be excused by its decoder.
package main
