// Package client knows the apps that people sign in to: who they say they are,
// where they may be sent back to, and how they prove it
// (atproto.com/specs/oauth, "Clients").
//
// A client is named by where its description is: client_id is the URL of a JSON
// document. Apps under development are called http://localhost and describe
// themselves in that URL's query.
//
// # Ownership
//
// [Registry] owns a bounded cache of descriptions and keys, which may be lost at
// any time. Nothing is on the disk.
//
// # Errors
//
// [Refusal] carries the OAuth error code and words for the app's developer.
//
// # Design notes
//
// A description is fetched at most every ten minutes, one request for all who
// ask at the same time, through the guarded client of the server: the address
// comes from a stranger. Failures are not remembered; the caller's rate limit is
// what keeps them few.
//
// The keys of a jwks_uri are fetched again when a signature names a key that is
// not among them, but not more often than every half minute: keys are rotated,
// and nobody should make this server ask somebody else's at will.
//
// Redirects are compared as strings. The one exception is the port of a loopback
// address that was registered without one (RFC 8252 §7.3).
package client
