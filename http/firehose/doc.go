// Package firehose serves com.atproto.sync.subscribeRepos: every public event
// of this server, in order, as WebSocket messages.
//
// # Ownership
//
// A connection is two goroutines, and none of the server's: one that reads a sequencing.Subscription and
// writes to the socket, and one that reads the socket, to answer pings and to
// notice that it closed. A timer sends pings. The log publishes and never waits
// for any of them.
//
// # Errors
//
// A consumer is told by an error frame and close code 1008 with the error's
// name: FutureCursor, ConsumerTooSlow. A bad cursor parameter is refused before
// the upgrade. When the server stops, the code is 1000. A peer that does not
// take a batch within writeTimeout, or from which nothing was heard for two
// pings, is cut off without a word: there is nobody to say it to.
//
// # Design notes
//
// Frames arrive encoded and in batches. The library is used for the handshake,
// for reading and for closing; the messages are put on the socket here, with
// their headers, up to writeSize bytes a write. Through the library each message
// is its own write, with a timer and several locks.
//
// What the library writes itself are control frames, each in one Write of the
// connection it was given, which is our wire. wire therefore knows the borders
// of messages on both ways in and lets nobody write between them. A control
// frame never waits for a batch: it is left behind for whoever writes that
// batch, so that a slow peer's ping is not what cuts it off.
//
// Frames are copied into a buffer instead of being handed to the kernel as a
// list: behind the listener that counts connections, or TLS, such a list turns
// into a write for each part. Buffers come from a pool. A connection with
// nothing to say has none, the wire replaces the server's buffers of 4 KB by
// smaller ones, and the handler returns after the upgrade instead of keeping its
// request and its deep stack: below 14 KB an idle connection, and 29 KB were it
// run by the handler. The kernel's socket buffers come on top.
package firehose
