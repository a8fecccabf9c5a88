// Package sweeper is the actor that removes what nobody else comes by to remove:
// uploads that no record used, bytes without a row, sessions that ended, cached
// identities that are too old, accounts whose time has come, the remains of deleted ones.
//
// # What it is
//
// A list of chores (chores.go), each with its own interval, one at a time. Adding
// one is adding a row. A chore decides nothing: it asks the owner of what it
// sweeps, which looks at its own file in a turn of its own and removes what may go.
//
//	uploads     hourly     uploads since the start that no record used in time
//	blobs       daily      the same, and bytes without a row, of every account that has bytes
//	everybody   weekly     the first of these, of every account
//	rows        6-hourly   account.sqlite: refresh tokens, e-mail tokens, mail
//	identities  6-hourly   did_cache.sqlite
//	accounts    hourly     deactivated accounts whose owner said when they are to go
//	keys        daily      actors/reserved_keys: keys for accounts that did not come within two weeks
//	trash       daily      actors/.trash
//
// Not here: entries of the log are pruned by the sequencer, which knows the window,
// and leftovers of uploads are removed at the start, before there can be new ones.
//
// # Ownership
//
// [Sweeper] owns the list of accounts that uploaded something and when each chore is
// due. Trash belongs to nobody else once a folder has been renamed into it.
//
// # On disk
//
// Nothing of its own. What is forgotten with the process is found by the daily round, and
// by the weekly one where an account's first upload never came to any bytes.
//
// # Errors
//
// None that anybody waits for, except for who asks for a chore ([Sweep]). An account
// that cannot be swept is left for the next round. A chore that panics is one that
// failed.
//
// # Design notes
//
// Ten thousand files are not opened to find the three that have something to sweep.
// The store tells its account with every upload ([Watch]), so what this process was
// given is swept on time; what an earlier one left is found by the daily round, which
// wakes the accounts that the store has bytes of, one at a time, with a pause between
// any two. So a round costs a thousandth of a second of work per account and lasts as
// long as it lasts: fifty milliseconds each, at a hundred thousand accounts an hour and
// a half. The weekly round wakes the others too: a row without bytes harms nobody, and
// is an account's only once.
//
// The row is swept and not the file: an owner marks the row as deleting before bytes go,
// so an upload of the same bytes meanwhile waits for the end of that. Bytes without a row
// get one first, for the same reason. Only bytes older than the lifetime of an upload
// are looked at, which is no part of the proof and saves asking about most.
//
// Rejected: a column in account.sqlite that says who uploaded. It would be written with
// an fsync on every first upload of a day, to save one look at one file a day.
// Rejected: sweeping when an account falls asleep. Most accounts never come back to be
// swept, and those that do would pay for it while somebody waits for their place.
package sweeper
