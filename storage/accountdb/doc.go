// Package accountdb is account.sqlite: the private state of the server as a
// whole. Accounts and their credentials, sessions, invites, the steps of
// unfinished stories, and mail that waits.
//
// # Ownership
//
// The accounts actor owns the one read-write handle ([DB]). [Open] with
// ReadOnly gives connections for private reads; each belongs to one goroutine
// at a time.
//
// # On disk
//
// <data>/account.sqlite with its -wal and -shm. It may not be lost: passwords,
// sessions and invites are nowhere else. Every transaction is written with
// synchronous=FULL for that reason. Handles and states of accounts are a
// projection of the log; meta.applied_seq says up to where, so a restored older
// copy catches up by itself.
//
// # Errors
//
// Those of storage/sqlite. Rows that are not there are a false, not an error.
// A name that is taken is [sqlite.ErrConstraint]; the actor asks first, so that
// meeting one is a fault of the program.
//
// # Design notes
//
// The uses of an invite that remain are counted from its uses and from the
// reservations of sign-ups under way, never decremented: a sign-up that fails
// gives its use back by ending, and no crash can lose one.
//
// The jti of a refresh token is stored as it is. It is worth nothing without
// the signing secret, and rotation must be able to give the same next one again.
//
// Revoking an app password deletes its sessions by a foreign key, and deleting
// an account deletes everything that hangs on it; neither depends on code that
// remembers every table.
//
// Mail that has left stays for a day, without what it said: counting these rows is
// the budget of an address, which therefore outlives a restart, and tells an
// operator what was sent. Rejected: a counter beside the queue, which could
// disagree with it.
//
// Rejected: one table for actor and account. Accounts known from the log alone
// have no address and no password, and the split keeps NOT NULL on both.
package accountdb
