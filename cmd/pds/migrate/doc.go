// Package migrate takes one account out of a server and into another: it makes
// complete exports, checks them, and moves accounts, as a client of any two
// servers that speak atproto.
//
// An [Exporter] fills a [Folder]: the repository as a CAR, a file for each blob,
// preferences, the DID document and its history, and a [Manifest] that says what
// is there, with hashes, and what is not. [Check] reads such a folder from the
// first to the last byte. A [Mover] brings an account from a server, or from a
// folder, to a server that runs: account, repository, blobs, preferences,
// identity, activation, and the end of the old account, in this order.
//
// # What is verified
//
// Of a repository every block (its hash is its name), the tree (complete, in
// order, every node where it belongs), every record (there, canonical), the DID
// in the commit, and the commit's signature by the key that the DID document
// names; a signature by no such key is said and not refused, because a key may
// have been rotated. Of a blob its bytes, against its CID, whichever way it goes.
//
// # Ownership
//
// A folder and a state file belong to one process at a time. Within it one
// goroutine walks the repository and a few carry blobs; what they count has a lock.
//
// # On disk
//
// A folder: manifest.json, written last, so that with it an export is complete
// and without it one goes on; repo.car, blobs/<CID>, blobs.jsonl (their types),
// preferences.json, did.json, plc-log.json, keys.sealed.json; .account says whose
// it is before any of them. A file has its name only when it is whole, verified
// and on the disk. A [State] has no secret but the temporary key of a recovery,
// which it forgets at the end; beside it, while a move lasts, a folder with the
// repository that is being moved. All files are for their owner's eyes only.
//
// # Errors
//
// [Problem]: what is wrong in a sentence, and what to do. [Refusal]: what a
// server said. What may pass by itself (no answer, 429, 502, 503, 504) is tried
// again for a while first, and as long as the server asks.
//
// # Design notes
//
// Every step of a move may be run again after any half of itself, and asks the
// servers and the directory what is done rather than remember it: the account is
// there if it can be signed in to, blobs are done when none is missing, the
// identity has moved when the document says so. What is remembered only saves
// work, but for two things that nobody can be asked: the signed PLC operation,
// written down before it is sent so that the very same bytes can be sent again,
// and a temporary key.
//
// Before the identity moves, and again after the code of the mail was typed,
// what was written to the old account meanwhile is brought too, preferences
// included, and the old account is asked once more after it was deactivated. What is left between the
// two is said, never lost silently. Rejected: deactivating the old account first;
// a move that then fails leaves its owner without any account.
//
// A PLC operation keeps the rotation keys that are the user's own. Which those
// are is known from the old server, which says what its own keys are; taking the
// new server's recommendation as it is, as other tools do, throws them away.
//
// Whoever has been taken down may leave: signing in asks for that kind of session
// too, and what it may not ask for is done without.
//
// Without the old server the DID itself has to ask the new one for the account.
// It does so by the exported signing key, or by a temporary key that the user's
// rotation key puts into the document first. The rotation key signs here and
// never leaves the process.
//
// A CAR is fetched as a whole again when its transfer breaks off: the protocol
// has no way to ask for the rest. Blobs are asked for by what the records say,
// not by listBlobs: the two agree on a server that is whole, and on one that is
// not the records are right. Memory is bounded by what is under way, except for
// the types of the blobs of an export that is moved in, about a hundred bytes each.
//
// Keys are sealed by a passphrase, always (argon2id, XChaCha20-Poly1305).
// Rejected: a switch to leave them open, which would be set; and asking a running
// server for them, since whoever can make a server give out keys has them all.
// The rotation key of a server is in no export: it speaks for all its accounts.
package migrate
