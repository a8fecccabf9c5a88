// Package firehose serves com.atproto.sync.subscribeRepos: every public event
// of this server, in order, as WebSocket messages.
//
// # Ownership
//
// A connection is one goroutine that reads a sequencing.Subscription and
// writes to its socket, and one that reads the socket to notice that it
// closed. The log publishes and never waits for either.
//
// # Errors
//
// A consumer is told by an error frame and close code 1008 with the error's
// name: FutureCursor, ConsumerTooSlow. A bad cursor parameter is refused before
// the upgrade.
//
// # Design notes
//
// Frames arrive encoded and are written as they are, one message each. A
// consumer that takes longer than writeTimeout for one write is as slow as one
// that never reads. Pings find dead peers, which the reference leaves to TCP.
package firehose
