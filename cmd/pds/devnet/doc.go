// Package devnet is the outside world of `pds dev`: a PLC directory and a mailbox
// page, in the server's own process.
//
// # What it is
//
// [PLC] keeps the operation log of every DID and holds each new operation to the rules
// of the public directory: its signature (low-S, strict base64), the rotation keys of
// the operation it follows, the 72 hours in which an earlier key may nullify what a
// later one did, sizes and counts. Identities made here behave like real ones, except
// that nobody else can see them.
//
// [Mailbox] shows the mails that the server would have sent.
//
// # Ownership
//
// A PLC owns its journal file and its listener; one mutex orders all submissions, as
// the public directory's transactions do. A Mailbox owns the last mails in memory.
//
// # On disk
//
// The journal (`plc.jsonl` in the development data directory) has one line per
// operation, in the format of the public directory's /export. Every line is written
// and synced before its operation counts, so a restart keeps all identities; a last
// line without its line break was never acknowledged and is cut off. Deleting the file
// orphans the accounts of that data directory.
//
// # Errors
//
// [ErrJournal]: a line that does not verify; nothing is served from such a file.
//
// # Design notes
//
// Verification is didplc.VerifyOperation over a store of our own. didplc.MemOpStore was
// not used: it answers a missing operation with an error that means "try again", takes
// its read lock twice in one call, and keeps nothing. SQLite was not used: a
// development log is read by people, with a pager. The public directory's limits on
// operations per hour are left out, because tests are faster than people.
package devnet
