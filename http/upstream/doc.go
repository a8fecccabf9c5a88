// Package upstream asks other services on behalf of accounts: the app view, a
// moderation service, or whatever service a client names in atproto-proxy.
//
// # What it is
//
// [Client.Target] says whom a call is for. [Client.Forward] passes a query on and
// gives the answer to somebody who may want to change it; [Client.Pass] passes
// any call on as it came, for the catch-all of package http/proxy; [Client.Public]
// asks in the name of nobody; [Client.Get] and [Client.Post] ask of our own accord. Each request that is made for an
// account carries a service token that the account's own key signed, for this
// method, this audience and one minute.
//
// What goes up and what comes back are two short lists of headers (headers.go).
// Nothing else of a request leaves: no cookie, no address, no DPoP proof, no
// session token. Nothing else of an answer arrives: no cookie, no policy, no
// redirect target.
//
// # Ownership
//
// A Client owns two pools of connections, one for services that the operator
// named and one for those that strangers name, and for each origin a gate and a
// breaker. A request holds one place at the gate until its answer is closed.
// Everything has a bound:
//
//   - in flight: 256 to a named origin, 64 to a strange one. Who finds no place
//     waits for at most two seconds, in a line of bounded length. With those in
//     line 1024 to all named ones and 512 to all strange ones: tarpits leave room
//     for the app view, and both together leave a quarter of the server's streams
//     to uploads and exports.
//   - time: the header of an answer within PDS_PROXY_HEADERS_TIMEOUT of the last
//     byte of the request, then no pause of PDS_PROXY_BODY_TIMEOUT, and on the
//     whole 1 KB/s. Only waiting for the upstream counts, not a slow client.
//   - memory: an answer that is passed on needs one buffer of 32 KB. One that is
//     read here is bounded, decoded, by PDS_PROXY_MAX_RESPONSE_SIZE, all that
//     are held at a time by 256 MiB, and an error by 64 KiB.
//
// # On disk
//
// Nothing.
//
// # Errors
//
// *xrpc.Error for what a client is told about itself (400, 406), an upstream
// that did not answer (502), one that was too slow (504), no room (503).
// [*Refusal] for an answer of 400 and above. [account.ErrTakendown], and the
// errors of the repo actor that signs.
//
// # Design notes
//
// Service tokens are not kept for a second request. Their nonce (jti) promises
// that a token is used once, and a service that remembers nonces would refuse
// the second use; a token from before a rotation of the key, a takedown or a
// deletion would outlive it. Signing takes a tenth of a millisecond.
//
// The breaker counts what proves that nobody is there: connections that fail
// and headers that do not come. An error that the upstream itself tells, be it
// 503, proves the opposite. Ten in a row without an answer between them open it;
// then one request at a time is let through to try, and all others are refused
// at once with the words that they would have got ten seconds later. One slow
// query of a malicious client cannot open it while others are answered.
//
// Services that the operator named may be on a private network; those that
// strangers name are asked through the guards of package outbound. It is decided
// by who said the URL and never by comparing URLs: a DID document that repeats
// the app view's internal address is a stranger's.
//
// An upstream that answers before it has read the whole request is believed; the
// rest of the client's body is not waited for.
//
// Rejected: httputil.ReverseProxy (it forwards everything that is not on a list
// of its own, the wrong way around), joining the paths of endpoint and method (an
// endpoint is an origin; one with a path is unreachable, as it is for others),
// retrying a procedure (it may have happened), a breaker per account.
package upstream
