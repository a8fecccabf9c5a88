// Command pds is an AT Protocol Personal Data Server.
//
//	pds serve   a server, configured by the PDS_* names of the reference
//	pds dev     everything at once on this machine: server, PLC directory,
//	            mailbox, two accounts; no configuration
//	pds bench   load on any server from the outside: rates, latencies, and
//	            what the server paid for them
//	pds crashtest
//	            a server of its own, killed, without power, or on a full disk,
//	            again and again, and whether it kept its word
//	pds fsck    every rule of a data directory at rest that needs no network
//	pds blobs move
//	            carries blobs from disk to a bucket, while the server runs
//	pds audit   checks a server from the outside: firehose, replay, repositories
//
// # Ownership
//
// This package joins the parts (wiring.go is the one place) and owns the data
// directory: a lock on it keeps a second process out.
//
// # On disk
//
// <data>/pds.lock beside the databases; see storage/doc.go for the rest.
//
// # Errors
//
// A setting that is missing, contradictory or not supported stops the start
// with one sentence. Exit codes: 1 for that, 70 when the disk of the log fails;
// pds fsck has 1 for findings and 2 if it could not look.
//
// # Design notes
//
// Parts start from the bottom up and stop from the top down: http, sagas,
// repos, accounts, identities, sequencer. No part knows how it was started.
package main
