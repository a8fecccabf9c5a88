// Package blob keeps the bytes of blobs, on disk or in a bucket.
//
// A [Store] keeps bytes at their content address, each account's apart. A
// [Spool] takes an upload while its CID is not known yet, [Sniff] says what
// kind of bytes they are, a [Mover] carries everything from disk to a bucket.
//
// # Ownership
//
// The owner of an account decides what is kept, and its rows say so. This
// package has no opinion: it does what it is told, and lists what there is, so
// that bytes without a row can be found. Stores are safe for every goroutine; a
// Spool belongs to the request that uploads.
//
// # On disk
//
//	<location>/<did>/<cid>              a blob, 0600
//	<location>/quarantine/<did>/<cid>   a blob that was taken down
//	<location>/names/<digest>           the DID of an account whose folder is
//	                                    named by a digest (keys.ActorDir)
//	<temporary>/pds-upload-*            a Spool; removed at the next start
//	<location>/tempt/pds-upload-*       a copy under way; the default of <temporary>
//
// In a bucket: blocks/<did>/<cid>, quarantine/<did>/<cid>, names/<digest>.
// Layout and spelling are the reference's, so its blobs are found where they
// are, but for a DID that is no plain name.
//
// # Durability
//
// When Put returns nil, the bytes, their name, and the folder's name have been
// synced, in this order. Whenever the machine stops, a name of the form
// <did>/<cid> has all bytes of the blob or does not exist. In a bucket the other
// side promises the same for an object; parts of a large one become an object
// in one step, and the digest of everything sent is signed with the request.
//
// Delete syncs too, but a lost one only leaves bytes without a row.
//
// # Errors
//
// [ErrNotFound], [ErrMismatch], [ErrFull], [ErrUnavailable], [ErrTimeout], and
// [ErrTooLarge] of a Spool. A time-out says nothing about the outcome: a Put
// may still arrive, as bytes without a row that a sweep finds. The context's own
// end is answered with its cause and is none of these. An fsync that failed
// spoils its Spool for good: asked again, the kernel would say yes without
// having written.
//
// # Time-outs
//
// A bucket has three: 5 s to connect, the idle time-out without a byte in either
// direction, and the total of a call. Reading an open object has no total: the
// reader may be slow, the bucket may not.
//
// # Design notes
//
// Why Put takes over a Spool's file by a second name and does not rename it: a
// Put can be tried again, and the upload's owner removes what it made. Bytes
// are written once and synced once. Across file systems they are copied.
//
// Why a Put replaces what is there: re-uploading is then the way to mend a blob
// that a disk or a server without fsync has damaged. It costs nothing where the
// upload is on the same file system.
//
// Why a blob has no temporary place as in the reference: only the row says that
// nothing refers to it yet. No byte moves when a record is written.
//
// Why the digest is checked while copying, and the last bytes kept back until it
// is right: whoever waits for size bytes then cannot finish with wrong ones.
//
// Why one part after the other: the usual limit of a blob is a few parts, and
// uploads already run beside each other.
//
// Rejected: Amazon's own client (many modules for the ten calls that are
// needed); a HEAD before a GET (the answer to the GET has the size, and a
// Range that is asked for later is another request anyway); one folder for two
// digits of the CID (an account has thousands of blobs, not millions, and the
// layout would be ours alone); deduplication between accounts (a delete or a
// takedown would have to know all of them).
package blob
