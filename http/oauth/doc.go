// Package oauth is the authorization server that apps talk to: what it can do
// (metadata.go), what an app asks for (par.go), the tokens it gets (token.go) and
// gives back (revoke.go). See atproto.com/specs/oauth.
//
// # Order of a request
//
// Body (100 KiB, JSON or a form, nothing twice) → who the client is → proof of
// its key (package dpop) → the accounts actor, which decides and writes at once.
// Every answer, errors included, carries the nonce for the next proof.
//
// # Ownership
//
// Nothing. Requests and sessions are rows of accounts; descriptions of clients
// are package client's.
//
// # Errors
//
// {error, error_description} of RFC 6749. [account.AppRefused] and
// [client.Refusal] carry them; a proof without a good nonce is use_dpop_nonce; what
// is nobody's to know is server_error.
//
// # Design notes
//
// Pushed requests are required, as the network demands: what an app asks for
// arrives from the app, and the browser carries a name for it. Request objects
// (JAR) are not read: pushing does what they are for.
//
// A permission set is taken apart when a code is exchanged and at each refresh,
// before the accounts actor is asked, from the copy that was resolved last. The
// request that is being exchanged cannot change meanwhile.
//
// The token endpoint answers a code or a refresh token that is refused in the
// words of the reason, but never says whether a code ever existed.
package oauth
