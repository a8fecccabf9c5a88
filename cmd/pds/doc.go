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
//	pds account export · check · migrate-in
//	            one account into a folder, or from another server to this one
//	pds account remove-factors
//	            for an owner who has lost them; the server does not run meanwhile
//	pds mail list · show · test
//	            mail that waits, with its codes; what is wrong with a mail server
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
// The operator exports an account out of a data directory by starting its server
// for as long as that takes, on a loopback port, and asking it like any client,
// with a token that the server's own secret signs. So the files are read by the
// code that owns them, what the log is ahead of them is applied, and the lock
// keeps a server that runs safe. Rejected: reading the files beside a running
// server, which would miss what is in its log only. An operator who cannot stop
// the server exports with the admin password, all but preferences and keys.
//
// Parts start from the bottom up and stop from the top down: http, sagas,
// repos, accounts, identities, sequencer. No part knows how it was started.
package main
