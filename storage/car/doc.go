// Package car reads and writes CAR version 1, the form in which repositories
// travel: in events of the firehose, as proofs of a record, as whole exports.
//
// A file is a header that names the roots, then blocks, each a length, a CID and
// the data. AppendHeader and AppendBlock make one in memory, Writer on a stream;
// ReadAll takes one in memory apart, Reader one that comes from a stream, and
// Spool keeps one that came from a stream, to give out its blocks in any order.
//
// # Ownership
//
// There is no shared state. A Reader, a Writer and a Spool belong to one
// goroutine. The blocks of ReadAll are aliases of its input; those of Reader.Next
// are the caller's; one of Spool.Block is good until the next call.
//
// # On disk
//
// Nothing that stays. The files of a Spool lie in the folder that its maker
// named, without a name, so that no crash leaves them there.
//
// # Errors
//
// Whatever is the file's fault wraps ErrInvalid and is a 400; an error of the
// stream comes back as it is. No length is believed beyond Limits, and none is
// reserved for before bytes of it have arrived.
//
// # Design notes
//
// Every block is hashed, always: there is no switch to trust a file, since it
// would be set on the one path where it must not be.
//
// Only CIDs of version 1 with DAG-CBOR or raw and sha2-256 are read, the ones a
// repository is made of. Identity CIDs carry their data in the name and version
// 0 has another meaning elsewhere; both have been ways around checks like the
// one above. Records may still link to such CIDs, that is package dag's concern.
//
// Refused too: a length that is not in its shortest form, unknown members of
// the header, blocks of length zero (some tools pad files with them).
//
// The reader does not look for duplicates, for missing blocks, for one root or
// for an order. Those are rules of a repository and known where one is read.
//
// A Spool guesses that blocks are asked for in the order in which they came,
// which is true of every export in tree order, and only where that fails makes a
// table of all places, a file too. Rejected: a map in memory (a hundred bytes a
// block, and files have millions), a SQLite table (ten times the time), a mapped
// file (an I/O error would be a signal, and its pages count as memory in use).
//
// Not used: go-car. It is a fine oracle in the tests, but reads more than is
// wanted (version 2, identity CIDs) and copies each block.
package car
