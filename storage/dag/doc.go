// Package dag is the AT Protocol data model: JSON in, canonical DAG-CBOR out, and
// back.
//
// A record arrives as JSON and is stored, hashed and signed as DAG-CBOR, of which
// every value has exactly one spelling. FromJSON makes that spelling, Check
// refuses any other, AppendJSON goes back, Decode gives Go values to a schema
// checker. Reader and the Append functions are for packages with a format of
// their own: tree nodes, commits, event frames.
//
// # What is accepted
//
// The reference server decides whatever the specification leaves open, because
// the CID of a record is computed from what was understood.
//
//   - Numbers: integers within ±(2^53-1), also when written 1.0 or 1e2. They are
//     judged after rounding to a double, as JavaScript does, so that 1e-400 is 0.
//     -0 is 0. From stored CBOR any int64 is read: the reference keeps those too.
//   - {"$link": …} and {"$bytes": …} with exactly that member. If its value is no
//     CID or no base64, or there are other members, the object stays an object;
//     the reference reads leniently, and a refusal would lose records that it
//     takes. Base64 is of the standard alphabet, padded in full or not at all,
//     and is given out without padding. As a whole record a link is refused.
//   - CIDs: base32 in lower case, base58, base36, version 0. A record may link to
//     anything; what a block of a repository may be called is package car's rule.
//   - Blobs: {$type: "blob", ref, mimeType, size} and no more. Here the reference
//     is more lenient (it ignores what does not fit); see below.
//   - $type elsewhere than at the top is not looked at, not even whether it is a
//     text: the reference leaves that to the schema.
//   - Half a surrogate pair, written as \ud83d, becomes U+FFFD. Clients that cut a
//     text in the middle of an emoji send that, and JavaScript's encoder and Go's
//     decoder both replace it. A NUL is text like any other.
//
// # What is refused
//
//   - Bytes that are not UTF-8. The reference replaces them, each time in the way
//     of whoever decodes; RFC 8259 says that such a body is not JSON.
//   - A key that stands twice. Parsers disagree about which one counts, so that
//     what was checked and what is stored could differ. Also the key "__proto__".
//   - A byte order mark, anything behind the value, control characters in texts.
//   - Depth and size beyond Limits, before anything is entered or copied.
//   - In CBOR: floats, tags other than 42, indefinite lengths, heads that could
//     be shorter, keys that are unsorted, double or no text, undefined.
//
// # Ownership
//
// Nothing is shared but a pool of buffers, out of which no result points. What a
// Reader calls an alias points into its input.
//
// # On disk
//
// Nothing.
//
// # Errors
//
// All wrap ErrInvalid: the sender's fault. There are no others.
//
// # Design notes
//
// FromJSON builds no tree. Members are appended to the output as they come, and
// an object is put in order when it closes; a record costs one allocation for its
// bytes, two for its CID and one for each link. Rejected: encoding/json
// into any and a generic CBOR encoder (ten times slower, and blind to double
// keys and depth); generated code per lexicon (a server stores records of
// lexicons that it does not know).
//
// Malformed and legacy blobs are errors rather than plain objects. A client that
// sends one believes that its blob is referenced; it would be collected an hour
// later. Stored records with legacy blobs are read as such, so that a repository
// from elsewhere brings its images.
//
// A Reader copies no text unless asked (Key and Text do, KeyBytes and TextBytes
// do not): a string that aliases its input would change under its holder when
// the input is a row of a database. Reading the whole document into nodes first
// was rejected: tree nodes are read thousands at a time.
//
// Walking in loops or in recursion that a limit bounds is not a matter of taste:
// a Go stack that overflows ends the process and cannot be recovered from.
package dag
