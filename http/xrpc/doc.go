// Package xrpc is the typed layer between HTTP and handlers: one Route per method, the credential, parameters and
// input of which are types of the handler's signature.
package xrpc
