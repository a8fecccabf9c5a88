// Package plcwatch looks, now and then, whether the DID of an account was changed
// by somebody else than this server.
//
// Whoever holds a rotation key of a did:plc can change where it leads, and the
// directory tells nobody. So every account's newest operation is compared, once a
// round and at a gentle pace, with the newest that is known here. Stories
// (actors/saga) note the operations that they make. One that nobody made here is
// announced as #identity, the cached document is fetched anew, and the owner gets a
// mail that says what is different, once: whoever did not do that has 72 hours to
// undo it with a stronger key.
//
// # Ownership
//
// None. One goroutine, of [Watch.Run]; what is known is in account.sqlite, and the
// accounts actor writes it.
//
// # Errors
//
// A directory that does not answer ends the round: the next one comes. An account
// that cannot be looked at is left for the next round.
//
// # Design notes
//
// The newest operation of an account that was never looked at is taken as it is if
// it is the DID's first one, or says what the account needs; else it counts as a
// change.
//
// What is known is read before the directory is asked, and noted in one transaction
// that refuses while a story of the DID is told: a story that changes the DID
// meanwhile is never taken for somebody else. The announcement comes before the note:
// a crash between the two repeats it and loses nothing.
//
// Rejected: following the directory's export of all operations. It carries the
// changes of everybody on the network for the sake of a few accounts. Rejected:
// changing anything back; the owner may have meant it.
package plcwatch
