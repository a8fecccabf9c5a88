// Package keys seals secrets and names the folder of each account.
//
// A signing key rests beside the account's database as a sealed file. It is
// sealed under one key-encryption key (KEK), so a copy of the accounts, a
// backup or a stolen disk image without the KEK signs nothing.
//
// # Ownership
//
// A [Vault] is immutable after [OpenVault] and safe for every goroutine. The
// key files of an account belong to the owner of its folder, one at a time: the
// account's actor, or the story that creates, rotates or deletes it while the
// actor is retired.
//
// # On disk
//
//	<kek>           32 random bytes (or 64 hex digits), 0600, its folder 0700.
//	                Lost = every signing key is lost. Back it up apart from the data.
//	<dir>/key       the sealed signing key, 0600
//	<dir>/key.next  the key of a rotation that is under way
//	<dir>/key.old.* keys that were replaced; kept so that an old backup of the
//	                log can still be matched with what signed it
//	<root>/reserved_keys/<did or did:key>
//	                a sealed key that was made for an account to come, 0600 ([Reserved])
//
// A sealed secret is
//
//	"TRPK" | version 1 | KEK fingerprint (8) | nonce (24) | XChaCha20-Poly1305 box
//
// The box authenticates the header, the purpose and the DID: a sealed key
// copied into another account's folder, or used for another purpose, does not
// open. The encryption key and the fingerprint are derived from the KEK with
// HKDF-SHA256, so the fingerprint says nothing about the key.
//
// A file of exactly 32 bytes is the reference server's unsealed K-256 key. It
// is read, and replaced by its sealed form in one rename.
//
// Every write goes to a file of its own first: fsync, link or rename, fsync of
// the folder. A crash leaves the old state or the new one, and at worst a
// key.tmp, which holds nothing that is not sealed.
//
// # Errors
//
// [ErrReservedFull] where no more keys may be reserved; [ErrNoKey] where there is none, [ErrSealed] where there is one that this KEK
// does not open (another KEK, another account, damage), [ErrKeyExists] where
// writing would replace a different key, [ErrExposed] for a KEK that others may
// read, [ErrBadKey] for bytes that are no key.
//
// # Design notes
//
// Why not keep keys in the account's database: a database is copied, replicated
// and exported as a whole, and its pages keep deleted content. A file that is
// only ever replaced does not. Why one KEK and not one per account: there is
// one place to protect and to back up, and binding to DID and purpose gives the
// separation. Rejected: a passphrase (a server restarts without a person), and
// a check of every key at start (a server with 100,000 accounts would read
// 100,000 files before it answers; [Vault.CheckSealed] takes a few per folder,
// `pds fsck` all).
package keys
