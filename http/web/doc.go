// Package web holds what a server answers beside XRPC: the banner, robots.txt,
// the health check and the well-known documents.
//
// # Ownership
//
// None.
//
// # Errors
//
// Plain text with a status.
//
// # Design notes
//
// The reference leaves /.well-known/did.json to the operator's reverse proxy.
// Serving it makes did:web:<host> resolvable without one: the server's own, and
// those of accounts that were made with did:web:<handle>. A document is made of the
// account's rows and key at the moment it is asked for, so it is never out of date,
// and there is nothing to publish when the handle or the key changes. It stays while
// the account exists, whatever its state: without it the account could not even leave.
// Under a handle domain only such accounts have a document; the server's own is not
// shown there, since it would be taken for the account's.
//
// /tls-check is what a reverse proxy with certificates on demand asks before it gets
// one; the reference has it in its self-hosting wrapper.
package web
