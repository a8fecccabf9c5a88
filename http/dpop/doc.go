// Package dpop checks proofs that whoever presents a token also holds the key
// it was bound to (RFC 9449, and atproto.com/specs/oauth, which makes server
// nonces mandatory).
//
// # Ownership
//
// A [Checker] owns its nonces and what it remembers of proofs. Both may be lost
// at any time: a client that is told use_dpop_nonce makes a new proof, and no
// nonce of an earlier process is good, unless the operator gave a secret.
//
// # Errors
//
// [ErrNonce] sends the client for another nonce; [Invalid] says what is wrong
// with the proof.
//
// # Design notes
//
// Nonces are not stored. They are a keyed hash of the minute, so a nonce is good
// for the minute before its own, its own and the one after, and the one that is
// handed out is always the next: a client gets two minutes or more out of it.
//
// A proof may be used once. Nonces end a proof's life after three minutes, so
// remembering proofs for that long is enough. They are remembered by a hash of
// key and jti in two generations, of which the older is dropped as a whole:
// nothing is scanned, and the number of entries has a bound. When a generation
// is full before its time it makes room by dropping the older one early; the
// bound is far above what a server answers in that time.
//
// The URL is compared without query and fragment, which the standard leaves out
// and some clients send. Scheme and host are those of the server's public URL,
// whatever a proxy in front says.
//
// Rejected: remembering proofs without a nonce (they would have to be kept as
// long as clocks may be wrong); ES256K, which browsers do not make.
package dpop
