// Package blobtest is for tests: what every blob.Store has to pass, and a bucket
// inside the process that can be made to fail.
//
// # Design notes
//
// The bucket is another project's server behind a real socket, so that the
// client is tested with its signatures, retries and time-outs. Faults are put
// between the two, as HTTP: a client cannot tell them from a provider's.
package blobtest
