// Package bench loads a Personal Data Server from the outside and reports what
// it did: operations a second, latencies, errors by name, and what the server
// paid for them.
//
// # What it is
//
// A [scenario] is one kind of load: workers that repeat one request, readers
// of the firehose, or both. [Run] makes the accounts that the scenarios need,
// runs each of them on one server or, in turns, on two, and returns a [Report].
//
// The load is a closed loop: a worker sends its next request when the last one
// was answered. Only the paced firehose scenarios have a rate of their own.
//
// # Ownership
//
// A worker owns its connection, its buffers and its counts; they are added up
// when all workers of a phase have ended. No lock is taken per operation.
//
// A [Process] belongs to whoever started it and is stopped by its id. The kernel
// kills it when the run dies without a chance to.
//
// # On disk
//
// One file per server in the state directory, 0600: the accounts that were
// made there, with password and tokens, so that the next run does not pay for
// them again (a server hashes about thirty passwords a second). It may be
// lost. It is dropped when the server no longer knows its accounts. A server
// that [StartServer] starts lives in a directory of its own, with that file
// beside its data. The reference server is installed in the state directory by
// [InstallReference], and its data stays there: it signs up few a second.
//
// The app view of the scenario proxy is part of this process, and what it costs is
// the generator's own.
//
// A repository that is imported lies in a temporary file during its scenario.
//
// # Errors
//
// What a server answers wrongly is counted by the XRPC name of the error and
// never stops a run, except while accounts are made. A 429 is counted like any
// other and the row says so: such a rate measures the limit and not the server.
// A method that the server does not have is said to be not served, which is
// neither a failure nor a zero.
// Errors of the functions here are about the run: no server, no account, an
// unknown scenario.
//
// # Design notes
//
// The load generator shares the cores with the server, so what it costs, it
// takes away. HTTP is spoken directly on one socket a worker: net/http costs a
// client 30 µs a request and two goroutines a connection, this 10 µs and none.
// What the generator used is reported beside what the server used.
//
// The crowd of firehose-crowd is measured with a herd: sockets that are emptied a
// few at a time without copying, and compared by their bytes with 50 subscribers
// that decode. A thousand readers that each event wakes in the generator would
// delay the writes by themselves. Who writes is measured in turns without and with
// the crowd, so that a disk or a neighbour that is slow for a while is slow in both.
//
// Server CPU is the difference of /proc/PID/stat around the measured phase. It
// starts when every request of the warm-up was answered and ends when the last
// measured one was, so that no request is paid for by another's phase. Rates
// on a machine with other work are worth little; CPU per operation holds, and
// the cores that others used are a column.
//
// Servers that are started run without what belongs to neither: `pds serve`
// and not `pds dev`, whose PLC directory would be in its memory, its start and
// the price of its accounts. The caller serves a directory for each. The
// reference runs as in production: its development mode checks each of its own
// answers against the lexicon, which would be held against it.
//
// What a server writes after it has answered is in disk-per-post and nowhere
// else: it waits until the counts stand still. Memory of an awake account is
// the growth over as many requests to one account, so that what requests leave
// on the heap is not in it; below a few hundred accounts it is noise.
//
// An import is of a repository that the same server exported, stripped of its
// commit and given to a new account under one of that account's own. Importing
// an export where it came from would change nothing, and cost a server that
// notices little. Such a commit is signed by nobody's key; that is no obstacle,
// since accounts that move have another key than before. What is as large as a
// repository goes through files and net/http: a 1 MB blob is sent as any request.
//
// Many accounts are made like any other, by createAccount, and kept with the
// data of the run. It takes minutes, once. Rejected: a hidden command that
// fills a data directory with a cheap hash. It would be a second way to make an
// account, and a door in every server.
//
// Nothing here is shared with the server. A number that the server's own
// packages computed could agree with the server's own mistake; the records of
// the hot scenario are proved with indigo's repository and signature code.
//
// Rejected: k6, wrk and vegeta. None of them carries a token per account,
// follows a firehose, or proves that a write was kept; and a rate of writes
// that are not kept is worth nothing.
package bench
