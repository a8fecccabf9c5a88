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
// Serving it makes did:web:<host> resolvable without one.
package web
