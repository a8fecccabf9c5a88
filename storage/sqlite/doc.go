// Package sqlite is the only place where a database file is opened.
//
// A [DB] is one connection to one file. Work is done in functions that get a
// handle whose type is the permission: [DB.Read] gives a [Reader],
// [DB.Transact] a [Tx]. SQL is written as constants; each text is prepared once
// per handle and kept. Below SQLite lies a thin file system of our own, which
// keeps the reason of a failure and makes new files private and durable.
//
// # Ownership
//
// A DB belongs to one goroutine at a time, its owner's, and holds no lock. A
// file has one writing owner in the whole process. Long readers take a handle
// of their own ([Options.ReadOnly]) and a [Snapshot] on it; that may live in
// another goroutine, go on after the writer's Close, and outlive the file's
// removal. It keeps the WAL from shrinking meanwhile.
//
// # On disk
//
//	<path>       the database, WAL mode
//	<path>-wal   what was committed and not yet copied back. Never deleted, emptied
//	             by Close when it has grown. Belongs to the database: neither is
//	             worth anything without the other, and a copy needs both of one moment
//	<path>-shm   shared index of the WAL, made anew by the first connection; none
//	             while an Exclusive handle keeps the index in its memory
//
// All have mode 0600. application_id says whose file it is, user_version how
// many migrations it has. Migrations run when the file is opened, all missing
// ones in one synced transaction.
//
// # Durability
//
//	                    process dies   power cut
//	Normal commit       kept           the newest may be lost, in order; never broken
//	… then Sync         kept           kept
//	Full, TransactFull  kept           kept, and every earlier commit of the file
//
// synchronous=OFF is not offered: its checkpoints do not sync, and a power cut
// then breaks the file instead of leaving it behind.
//
// # Errors
//
// Errors answer errors.Is with the sentinels of this package, by what the
// operating system said and not by SQLite's text. [ErrFull] is a definite
// rollback: the handle works on, and writes succeed again when there is room.
// [ErrSync] is the grave one: after a failed fsync nobody knows what is on the
// medium, so the handle refuses to write, and its owner reloads or ends the
// process. That also covers checkpoints that SQLite runs by itself and whose
// errors it drops. [ErrMemory] is what becomes of the panic by which the library
// reports that a connection reached its memory limit; the transaction is rolled
// back and the handle works on. Any other panic inside a transaction rolls back
// and goes on; a connection that cannot even be closed then lets go of its
// files and locks, so that the next owner is not locked out.
//
// # Tricky bits
//
// SQLite interrupts by polling the context every thousand steps of its virtual
// machine; a commit, once decided, is not interrupted any more. Text and blobs
// of a [Row] live in SQLite's memory: RawBlob is valid until the next row. A
// Reader used after its function returned answers ErrClosed.
//
// # Design notes
//
// Why not database/sql: its pool, its locks and its conversions cost more than
// the queries, and "one connection, one owner" is what actors are.
//
// Why our own file system: the driver's one loses the errno (a full disk looks
// broken), creates files with mode 0666 and never syncs the directory of a
// file it made, so that a power cut may take a whole new database.
//
// Why the WAL is kept, and left unread by Close up to 128 KiB: reading that
// much again when the file is opened takes less time than the two fsyncs of a
// checkpoint, and accounts come and go all the time.
//
// Why the frames of a transaction are held back and written at once: SQLite
// writes two pieces per page, and a system call for each was a sixth of the CPU
// of a commit. They go out inside SQLite's own last write, when the header of the
// commit frame has been seen, and not at the fsync: so a Normal commit, which
// has none, is given to the operating system as before, no other connection is
// shown a frame that is not in the file, and a write that fails still fails as
// a write.
//
// Why synchronous is switched and not simply followed by Sync: a Full
// transaction whose fsync fails is rolled back before anybody saw it.
//
// Why exclusive handles: a file that only its owner reads needs no shared index,
// and opening it costs a third less: no file to make and map, no lock per
// transaction, and no BEGIN around reads, since nobody can write between two of
// them. SQLite cannot leave this mode without closing, so whoever wants a second
// connection closes and opens again. Anybody else is ErrBusy meanwhile, which
// also keeps a stray command line tool from copying the WAL back on its own.
//
// Why so few statements when a file is opened: each is parsed anew, by each
// connection. What can be set without SQL is, the page size and WAL mode are
// asked for only where the first read found no WAL, and migrations are best kept
// to few and short statements, because SQLite reads their text again too.
//
// Rejected: page checksums (they need 8 reserved bytes per page from the
// start and make every read slower; records are verified by their CID anyway),
// memory-mapped reads (an I/O error would be a signal), one shared connection
// for all readers (its snapshot would be of nobody's moment).
package sqlite
