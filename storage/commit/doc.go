// Package commit is the signed object at the root of a repository: encoded and
// signed, decoded, verified (atproto.com/specs/repository, "Commit Objects").
//
// # Errors
//
// What [Parse] returns says which field is wrong; it is nobody's sentinel,
// since callers have names of their own for a commit that is none.
//
// # Design notes
//
// Parse is strict: every field once, no other, nothing behind the object. What
// the signature is made over is put together from the bytes that were read, not
// encoded anew, so that a commit is verified as it was written.
//
// Version 2 is read, because old exports have it, and never written.
package commit
