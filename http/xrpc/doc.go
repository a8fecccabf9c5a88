// Package xrpc is the typed layer between HTTP and handlers. A route names a method of a lexicon, who may call it, and
// a function of (credential, input) → (output, error); everything else about the transport happens here.
//
// # What it is
//
// [Query], [Procedure] and [Subscription] make a [Route]. The credential is a parameter type of the handler and the
// verifier returns that type: a forgotten or a wrong check does not compile. [NewServer] holds every route to its
// lexicon, down to the names and types of parameter fields, and panics where they disagree, so that such a mistake
// shows at start. [Server] answers /xrpc/*:
//
//	name → verb → parameters → credential → body → rate limit → handler → answer
//
// That order is visible to clients (bad parameters are a 400 before a missing credential is a 401) and kept.
// The rules of the transport (which bodies are refused, with which status and name) are the rows of the table in
// transport_test.go.
//
// # Ownership
//
// A [Call] belongs to its request's goroutine. A Server holds no state but counters. Every wait and every buffer has a
// bound, and what does not fit is refused at once with 503 and Retry-After; nothing queues:
//
//   - working: requests between credential and answer. The place is given back while a body arrives and before the
//     answer is written: slow senders and readers take none from others.
//   - streams: uploads, downloads and proxied requests, for as long as they last.
//   - memory: bytes of bodies being held, taken as they arrive and not as they are announced.
//   - pace: a body has 30 s, after that it must come at 1 KB/s; a reader must take 32 KB in 30 s. The deadlines are on
//     the connection and are taken off again before it serves another request.
//   - what is refused unread: 16 MB more or 5 s are read after the answer, so that a client that is still sending gets
//     the answer and not a reset connection.
//
// # On disk
//
// Nothing.
//
// # Errors
//
// A client sees {"error", "message"}. Handlers and verifiers return any error; [Error] is sent as it is, others go
// through the server's table (NewServer's translate), and what that does not know is a 500 that says nothing. Causes
// of 5xx are logged here, once, with the request id that the client was given in X-Request-Id; callers do not log.
// A handler that panics is answered with 500; the process goes on. When part of the answer was already sent the
// connection is cut instead, so that nobody takes half a file for a whole one.
//
// # Design notes
//
// Parameters are decoded by a plan made at start; bodies are read once, checked as text by the lexicon package (depth,
// duplicates, types) and decoded property by property with encoding/json; a json.RawMessage aliases the body, so a record
// is first parsed by storage/dag.
//
// What nearly every request looks like takes a short way: a path that names a route skips the router ([Server.Before]),
// a query string of single values skips the maps (quickParams), strings whose syntax the lexicon has checked are not
// parsed again, an output that is an [Appender] skips encoding/json, the pieces of one answer share one deadline. None
// of these refuses anything: what is unusual goes the long way, which alone knows the errors.
//
// A [Stream] is written as it is made, a [Content] lies somewhere and can be read in parts: ranges and conditions are
// net/http's own ServeContent, whose errors are held back and told like all others.
//
// JSON bodies are read as sent before they are decompressed. A streaming decompressor would hold its window, up to
// 16 MB for brotli, for as long as the sender likes.
//
// The path is matched as it was sent, without resolving escapes: a router and a check that read %2F differently are
// how access rules get bypassed. No NSID needs an escape, so any is an invalid path.
//
// Rejected: middleware for credentials (the router cannot prove that it ran), echo's binder (untyped, ignores
// lexicons), echo's compression and CORS middleware (one breaks streams that fail half-way and HEAD, the other cannot
// answer every path), http.TimeoutHandler (buffers, breaks streams), a queue in front of the working places (a request
// that waits longer than its client is work for nobody).
package xrpc
