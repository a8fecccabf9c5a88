// Command generate writes ../catalog.ndjson from the lexicons of the indigo
// module: definitions only, one document a line, in the same order every time.
//
// # Ownership
//
// It is run by go generate, reads the module cache and writes that one file.
//
// # Errors
//
// Printed, with exit code 1; the old file is left as it was.
package main
