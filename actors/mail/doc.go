// Package mail is the mailer: the actor that takes what is due from the queue,
// renders it, and hands it to a mail server.
//
// # What it is
//
//	queue      rows of account.sqlite, owned by accounts; the mailer asks for what is due   actor.go
//	content    one HTML and one text template per kind, and the subject                     compose.go, templates/
//	transport  SMTP, the sendmail program, or a function (development)                      transport.go, smtp.go
//	diagnosis  what is wrong with a mail server, in one sentence                            explain.go
//
// # Ownership
//
// [Mailer] owns which letters are being sent and which have left without its
// being recorded yet. A letter is in flight once at a time.
//
// # On disk
//
// Nothing of its own. A letter is removed from the queue after the mail server
// has taken it: a crash between the two sends it twice (with the same
// Message-ID), and never loses it.
//
// # Errors
//
// [ErrURL]: a setting that names no transport. Everything else is an attempt that
// failed: its sentence is stored with the letter and the letter is tried again,
// later and later, until it expires. Only a mail server that refuses the
// recipient or the content for good ends a letter earlier: every other refusal
// may be a setting that the operator is about to repair.
//
// # Design notes
//
// Mail is sent beside the turns, a bounded number at a time, each attempt with a
// deadline: a server that never answers holds one of these places for a minute
// and nobody else's turn.
//
// Without a transport nothing is sent and nothing is logged: a code that stands
// in a log outlives its fifteen minutes there. The operator reads waiting mail
// with `pds mail`.
//
// A connection per mail: a server of this kind sends a few an hour, and a
// connection that is kept is one more thing that breaks unseen.
//
// Passwords go over TLS or to this very machine, else the attempt fails. Rejected:
// sending them in the clear as the reference does where the server offers no TLS;
// whoever can hide that offer would be given them.
//
// Values in templates are escaped by html/template for the place they stand in.
// Subjects and names are stripped of control characters before they become
// headers, and addresses were parsed before they were stored (account.ParseEmail).
// The body of moderation mail is HTML that a moderator wrote and is sent as it is.
//
// Moderation mail without a transport of its own goes the way of all mail. The
// reference drops it, which its senders did not know.
package mail
