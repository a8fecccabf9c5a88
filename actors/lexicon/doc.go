// Package lexicon knows the schemas of the protocol: which XRPC methods exist, what their parameters and bodies must
// look like, and what a record of a well-known type and its key must look like.
//
// # What it is
//
// A [Catalog] is compiled once from lexicon documents and never changes. [Embedded] is the one that ships: every
// com.atproto.* and app.bsky.* method, and the record types that this server enforces. http/xrpc asks it about
// parameters and bodies, the repo handlers about records. Checking is by the written Lexicon rules: types, const and
// enum, lengths in UTF-8 bytes and in grapheme clusters, ranges, string formats (indigo's syntax package), unions by
// $type, references, nullable, blobs. knownValues bind nobody and are ignored. Members of open unions that the
// schema does not list are let through, as are unknown properties.
//
// Documents of strangers become a catalog of their own ([Catalog.Extend]) that refers to this one and changes nothing in
// it; package lexicon/resolver is where they come from. They are held to more: a check must not cost more than the
// record is worth.
//
// # Provenance
//
// catalog.ndjson is written by generate/main.go from the lexicons/ folder of the module
// github.com/bluesky-social/indigo, at the version that go.mod pins, one document per line in NSID order. Descriptions
// are left out, nothing else is changed. Those files are © Bluesky Social PBC and contributors and licensed, at the
// user's choice, under MIT or Apache-2.0; we take them under MIT. Run `go generate ./actors/lexicon` after an upgrade
// of indigo; a test fails while the file and the module disagree. The list of enforced record types is in the
// generator. Documents that others refer to come along, whatever their namespace.
//
// # Ownership
//
// No actor, no state, no lock: a Catalog is read-only after Parse. The embedded one is compiled by whoever asks first
// (some 20 ms).
//
// # On disk
//
// Nothing.
//
// # Errors
//
// [ErrUnknown] when there is no schema of that name; [ErrInvalid] with a sentence fit for a client otherwise. The
// sentences follow the reference server's pattern ("Input/repo must be a valid at-identifier") since people read them
// in the consoles of their clients; programs must not parse them.
//
// # Design notes
//
// One validator serves parameters, bodies and records. indigo's lexicon.ValidateRecord was the alternative for records:
// it knows no parameters and no bodies, looks every reference up by a string built for the purpose, and names no
// path in its errors. Its fixtures run against ours.
//
// [Method.CheckJSON] reads the body itself instead of being given encoding/json's maps: where the schema says
// "unknown" (the record in a createRecord) it only skips, so a record of a megabyte is not turned into maps that
// nobody reads. It is also stricter where encoding/json is dangerously lax: a duplicate property, one that differs
// from a declared one only in case (encoding/json would let it overwrite the checked value), nesting deeper than
// [MaxDepth] and invalid UTF-8 are refused.
//
// Identifiers are read byte by byte first (plain.go) and shown to syntax only when that says no: its regular
// expressions were the larger part of checking a request. Syntax keeps the last word about every refusal.
//
// Schemas are pointers to compiled structs rather than generated Go code: 240 documents would be some 20,000 lines for
// a check that takes microseconds.
package lexicon
