// Package account is the accounts actor, which owns account.sqlite, and the
// rules about handles, addresses, passwords and session tokens.
//
// # Three ways in
//
//	Index     handle → DID, DID → status and flags   any goroutine, no message   index.go, table.go
//	Reads     addresses, factors, invites            any goroutine, no message   reads.go
//	messages  everything that changes something      the actor                   messages.go
//
// So signing in, resolving a handle and checking who may do what cost the actor
// nothing; it sees writes alone. [SignIns] puts the three together for
// createSession and refreshSession. [Tokens] is pure.
//
// # A write
//
// A request waits in state.waiting until the next transaction (batch.go). That
// is a turn which the first waiting request puts behind whatever has arrived,
// so requests that came during the last fsync share the next one. Each is
// decided inside a savepoint (decide_*.go): a refusal takes back its own writes
// and nobody else's. After the commit the index is published and then the
// askers are answered: who has an answer finds it in the index.
//
// # Mail and the codes in it
//
// A code (emailtoken.go) and the mail that carries it are written in one
// transaction, and so is what a notice tells about and the notice. The mailer
// asks for what is due ([DueMail]) and says what became of it ([SettleMail]);
// accounts rings its bell (Options.Mailed) and never asks it anything. A code is
// stored as a hash; its text is in the mail, until that has left. Wrong tries
// are counted: a refusal may keep what its decision wrote (noted, batch.go).
//
// # Apps
//
// What OAuth keeps is here too: authorization requests (decide_request.go),
// sessions of apps (decide_app.go) and browsers (decide_device.go). A code, a
// refresh token and a browser's secret are checked and used up in one decision,
// so that of many who present the same one exactly one succeeds; a refusal that
// must not be taken back (a session that ends because its token was stolen) is
// written and then told. [Grants] answers what an access token is good for, from
// memory, and forgets before whoever took it back has an answer.
//
// # Ownership
//
// [Accounts] owns the read-write handle of account.sqlite. An [Index] is written
// by the actor it was given to and read by everybody. [Reads] owns its
// connections. Nothing here holds a lock.
//
// # On disk
//
// <data>/account.sqlite, described in storage/accountdb. Everything is written
// with synchronous=FULL before it is answered. Handle and status of accounts
// follow the log (apply.go): at the start, when asked to [CatchUp], before an
// account is inserted, and every second. The log may forget an entry only after
// it has been applied here.
//
// # Errors
//
// Sentinels of errors.go, and those of storage/sqlite for the disk. With
// [sqlite.ErrFull] and [sqlite.ErrBusy] nothing happened. Any other error of
// the disk leaves it to the file what happened: the instance ends, the askers
// are answered, and the next instance reads everything again.
//
// # Design notes
//
// The log is later and right. An entry for an account that is not known makes a
// row that nobody can sign in to (an older copy of this file was restored), and
// a handle that somebody else holds changes hands. An entry that cannot be read
// is reported and passed over: it concerns one account, and stopping would
// concern all.
//
// CatchUp carries no entries. The actor reads the log itself, from where it
// stopped: entries that were handed over could arrive out of order or not at
// all, and it could never say up to where it has them. Rejected: a subscription
// to the ring, which lacks internal entries.
//
// The index is copied in leaves (1/4096 of the accounts), not as a whole and not
// behind a lock: a reader keeps one moment of it, in which a handle and its
// owner always agree.
//
// Refresh tokens rotate as the reference does it: for two hours the same token
// gives the same next one, so that clients which lose an answer, or refresh from
// several tabs, stay signed in. One thing is stricter here: closing a session
// also revokes the tokens it came from, which in the reference would bring it
// back to life within those two hours.
//
// Session tokens are judged with 30 seconds of leeway. A token is looked at in
// an order that keeps ErrExpiredToken for tokens that were good in every other
// way: clients refresh on that name.
//
// Signing in costs the same whether the identifier exists or not, and SignIns
// holds every answer back until Floor (350 ms in a server) has passed.
// The shape of the password decides whether app passwords are tried, never the
// account. A hash in the reference's form is replaced at the next sign-in.
//
// Handles under a service domain are checked against words of the protocol, host
// and service names and well-known names (reserved/*.txt), which the operator may
// give out all the same. Labels that the DNS reads as an encoding (xn--) count as
// reserved: shown decoded, one could pass for somebody else's name. There is no
// list of slurs: they age within weeks, and their home is moderation, not a
// compiled-in table.
//
// Throw-away mail domains are a short list of the ones that have been the same for
// years (disposable.txt); operators add those of the month, or take one off.
//
// The second factor is asked for after the right password only, so it tells
// nobody whether an account exists. An app in force goes before codes by mail: who
// reads the mail must not get around it. App passwords are exempt, they were made
// for programs that cannot ask. A code of an app names a time step, and that step
// and all before it are used up with it, so the same code cannot be used twice
// within the minute and a half in which clocks may differ. Wrong codes are counted
// in the row, not in memory: a restart forgives nothing. The secret is sealed under
// the key-encryption key; recovery codes have 80 random bits and need no slow hash.
// There is no XRPC method for enrolment; account pages send the messages.
//
// Resetting a password does not remove a second factor: else the mailbox would be
// the way around it.
//
// The bare name of a service domain is never asked for, only given by the
// operator where HandleRules.Apex says so: to the first who asks it would be
// worth too much. Where it is not allowed it is a handle like any of another
// domain, and has to point to its account in the DNS.
//
// A sign-up may have to wait, for its address to be confirmed or for approval.
// Its account is deactivated as one that was brought along is, so nobody sees it,
// and its sessions are of [ScopeSignupQueued]. What it waits for is a set in its
// row, which only shrinks; that the account is to be activated after that is part
// of the set, and goes when the log says that it is active. So whoever takes
// away the last thing may die before the activation: the row still asks for it.
// Rejected: a status of its own, which relays and clients would have to know.
package account
