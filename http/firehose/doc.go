// Package firehose serves com.atproto.sync.subscribeRepos: every public event
// of this server, in order, as WebSocket messages.
//
// # Ownership
//
// A connection that is behind has a goroutine of its own, which reads a
// sequencing.Subscription, from the log if need be, and waits for the socket. Once
// it has caught up it is handed to a sender, and that goroutine ends:
//
//	accepted ─► own goroutine ──── caught up ────► sender, with many others
//	             │        ▲                         │
//	             ▼        └── the socket is full ───┤
//	            end ◄── too slow, lost, shutdown ───┘
//
// A sender is one goroutine that walks over its connections after each
// publication and writes without waiting. A socket that does not take a batch as
// a whole has its connection handed back, with the rest. Who holds a connection
// is the only one to touch its subscription.
//
// Besides, each connection has a goroutine that reads the socket, to answer pings
// and to notice that it closed, and a timer that sends pings. The log publishes
// and never waits for any of them.
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
// Who writes must not feel who reads. A goroutine per subscriber, woken by a
// channel, was the first way: after each event nine hundred of them could run, and
// a request that came then stood behind as many writes of 20 µs. On two cores with
// 50 writes a second that cost 13 µs a delivery and made the median write take 40
// ms instead of 4; now it is 4 to 6 µs, nearly all of it the kernel's, and 2.5 ms
// instead of 2. A sender is one goroutine however many it serves, there is one
// for two processors, and a batch with its headers is made once for all who are
// equally far. With a crowd it also pauses after every few writes. So an event
// takes some 70 ms to reach the last of nine hundred, and when more is published a
// write takes more instead of there being more writes.
//
// A sender writes to the descriptor, past the poller, which has no way to ask for
// a write that does not wait; a deadline in the past forbids the write altogether.
// The listener must therefore let the descriptor be seen. Where it does not (TLS),
// a connection keeps its own goroutine.
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
// list: behind a listener that wraps its connections, or TLS, such a list turns
// into a write for each part. Buffers come from a pool. The wire replaces the
// server's buffers of 4 KB by smaller ones, and the handler returns after the
// upgrade instead of keeping its request and its deep stack: an idle connection
// takes 9 KB, 14 with the goroutine of its own, and 29 were it run by the handler.
// The kernel's socket buffers come on top. One whose socket is full keeps a batch
// and a buffer, and the rest of a batch that it shares with all who stopped there.
//
// Rejected: a queue per subscriber (memory times subscribers); a goroutine that
// watches the sockets for room again (epoll by hand, for connections of which
// there are few at a time, and which the runtime watches as well); writing control
// frames from the sender (they are rare, and may have to wait).
package firehose
