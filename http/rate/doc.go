// Package rate bounds how often a caller may ask.
//
// # What it is
//
// Routes say their bounds, in the table of troupe/http:
//
//	xrpc.Procedure("…repo.createRecord",    …, rate.Writes(3)),
//	xrpc.Procedure("…server.createSession", …, rate.ByNameAndClient(rate.Per5Min(30), rate.PerDay(300))),
//
// A [Limiter] is made of that table and stands behind xrpc.Options.Limit: it is asked when credential and body are
// known to be good, before the handler. Beside the routes' own bounds each client address has [Global] requests for
// all methods together.
//
// A bound is a fixed window: the first call of a key opens it, it ends when its time is over, and within it the key
// has so many points. That is what the reference does and what the RateLimit-* headers can say; of all bounds that a
// call takes from, they show the one with the fewest points left.
//
// A refused call takes no points of the route's bounds, so a batch that does not fit leaves room for a smaller one, and
// trying again and again does not use up the day. It does count as a request of its address.
//
// IPv6 clients are counted by their /64, which is what one subscriber has; IPv4 clients by address.
//
// # Ownership
//
// A [Limiter] is plain memory with locks of its own, sixteen for each kind of key. No goroutine, no timer: a window
// that is over is noticed by the next call of its key, or pushed out by others.
//
// Memory is bounded: [Options.Keys] windows of each kind (addresses, accounts, names), about 200 bytes each, and the
// least recently used goes first. The kinds do not push each other out: who sends a hundred thousand names does not
// get a fresh count for accounts. Keys are numbers of fixed size: addresses as they are, names and DIDs by a 128-bit
// hash with a secret of the process, so nobody can make two of them meet.
//
// # On disk
//
// Nothing. A restart forgives everybody.
//
// # Errors
//
// All refusals are xrpc.Error 429 RateLimitExceeded with Retry-After and the headers above. RateLimit-Remaining is 0
// in them, as clients expect, though a call of fewer points may still be let in.
//
// # Design notes
//
// [SignUps] bounds how many accounts are made, not how often somebody tries: a place is taken before the story begins
// and given back if it fails. [Guesses] bounds wrong passwords of the operator, which no lexicon method of its own
// carries.
//
// A name has points of its own beside those of name and address: whoever owns many addresses gets no more guesses at
// one account than that. The price is that he can keep the owner from signing in anew, for an hour at a time; sessions
// that are open stay.
//
// Rejected: token buckets (golang.org/x/time/rate: nothing that the headers could say about them), sliding windows
// (twice the state; the reference's clients are used to fixed ones), a cache with expiry of its own (a goroutine each),
// limiting before the credential is checked (accounts behind one address would share their writes), counting in the
// account's actor (the point is not to wake it).
package rate
