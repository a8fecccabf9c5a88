// Package interop has no code, only tests: it runs the interoperability fixtures
// that the AT Protocol implementations share, in the copy that comes with indigo's
// module, against what this server uses.
//
//	syntax    every line, through indigo's parsers, which are ours; DIDs through
//	          the function that names account folders, record keys through the
//	          rule for tree keys
//	atcrypto  every key and signature, through indigo's; private keys also through
//	          the vault and back
//	atdata    every value, through package dag: bytes and CIDs must be equal
//	lexicon   every schema, and every record as package dag decodes it
//	identity  every DID document
//
// # Ownership
//
// None. The fixtures are read from the module cache when the tests run.
//
// # On disk
//
// Nothing but folders of the tests.
//
// # Errors
//
// A test fails for a fixture that is treated otherwise than it says, for a file
// that is empty or that no test reads, and for a test whose file has gone. So a
// newer module with new fixtures cannot pass unread.
//
// # Design notes
//
// Where the fixtures and the reference server disagree, the reference decides,
// since it is what records were made with. The table of those fixtures is in
// the test of the data model, each with the reason, and an entry that no longer
// disagrees fails.
//
// A package of its own, and not tests beside each subject: only here is it to
// be seen that no fixture is left out. Rejected: a copy of the fixtures in this
// repository, which would grow old.
package interop
