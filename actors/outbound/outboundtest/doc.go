// Package outboundtest is the outside world of tests: a DNS that answers what a
// test says.
//
// # Ownership
//
// The test that makes it. It opens no socket and keeps nothing on disk.
//
// # Errors
//
// Those a resolver gives for names that do not exist.
package outboundtest
