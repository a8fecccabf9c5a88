// Package auth turns a request into a credential.
//
// Every kind of credential is a type of its own, and the type is a parameter
// of the handler: a method that needs an admin takes an [Admin], so a route
// without the check, or with another one, does not compile.
//
// # Ownership
//
// A [Verifier] is given its secrets and the key lookup. Its only state is what
// it remembers of access tokens that it has verified (verdicts.go); any of it
// may be lost at any time.
//
// # Errors
//
// Sentinels here and of actors/account; the table in troupe/http says what a
// client sees. Names and statuses are those clients know: an expired access
// token is 400 ExpiredToken, only a missing header is 401 AuthMissing.
//
// # Design notes
//
// A session token is checked by its signature alone. Revocation takes effect
// when it expires, except for methods that look the account up: the credentials
// whose names end in Up, which refuse an account that moderation has closed.
//
// A service token acts for an account if the key of the account signed it. A
// labeler's key is taken from the moderation service alone, and only where a
// moderator is asked for: elsewhere whoever runs the labels of an account could
// upload to it, or move it.
//
// A service token may name this server as a bare DID or as did#atproto_pds
// (proposal 0014), always as one string: a list of audiences would be good at
// every one of them.
//
// The signature and claims of an access token are read once and remembered, the
// time and the scope are judged with every request. Refresh tokens, service
// tokens and passwords are never remembered: they are rare, or depend on what
// may change. Rejected: remembering under the token itself (a dump of memory
// would hold keys to accounts), under a short hash (a collision would let
// somebody in as somebody else), and for a time of its own (there is nothing
// that the entry could be out of date about).
package auth
