// Package auth turns a request into a credential.
//
// Every kind of credential is a type of its own, and the type is a parameter
// of the handler: a method that needs an admin takes an [Admin], so a route
// without the check, or with another one, does not compile.
//
// # Ownership
//
// A [Verifier] holds no state: secrets, the account index and the key lookup
// are given to it.
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
// when it expires, except for methods that look the account up.
package auth
