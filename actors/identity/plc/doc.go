// Package plc speaks to a PLC directory: it builds, signs and submits the operations
// that create and change a did:plc, and reads a DID's operations back.
//
// Operations are values of go-didplc's package didplc; this package adds the shape
// that an account of this server has, the order of the rotation keys, and an answer
// to "did it arrive?".
//
// # Ownership
//
// A [Directory] is immutable and holds no state but its client's connections. Calls
// block on the network and belong in a caller's goroutine, never in a turn.
//
// # Errors
//
// [ErrRejected] (with status and message in [RejectedError]): the directory read the
// operation and said no. [ErrUnavailable]: no answer, a 5xx, or one that makes no
// sense; after a Submit the operation may or may not be in the log. [ErrNotFound]: the
// directory does not know the DID. [ErrGone]: it is tombstoned. [ErrOperation]: the
// operation cannot be built or read.
//
// # Design notes
//
// An unknown outcome is never guessed and never repaired by a tombstone: the caller
// stores the signed operation before it sends it and submits the very same bytes
// again. The directory refuses a second copy, so Submit answers a refusal by looking
// for the operation in the log; finding it is success. Signatures of one key over one
// operation need not be equal, therefore the bytes are stored and not the intention.
//
// Rejected: didplc.Client. It follows redirects, reads bodies without a cap, logs
// them, and turns every refusal into one string.
package plc
