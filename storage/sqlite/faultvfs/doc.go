// Package faultvfs is a file system for tests that fails when it is told to.
//
// It registers below the one of package sqlite, by name, and is chosen with
// sqlite.Options.VFS. Every step that changes the disk is counted; the n-th can
// be made to fail with or without its effect, to be cut short, or to end the
// process. The count depends on the steps alone, so a test that runs a
// scenario once to count them can run it again for every one.
//
// Between syncs it also remembers what was written, and can leave the disk as
// a power cut might: any of the unsynced writes missing or torn, names whose
// directory was not synced gone.
//
// # Ownership
//
// An [FS] belongs to one test. Its methods may be called while connections use
// it; Kill and PowerCut only when no goroutine is inside one.
//
// # On disk
//
// The files themselves. The wal-index (-shm) is shared memory: it is neither
// counted nor undone, and nothing that has to last is in it.
//
// # Errors
//
// Injected errors are errno values in an fs.PathError, as the operating system
// gives them. A crash is a panic with [Crashed]; every later step fails.
//
// # Design notes
//
// Why not a mock of the database: what has to be shown is that SQLite, its
// driver and our file system together leave a sound file, so the fault has to
// come from below all three. Why not strace or a faulty block device: they need
// privileges, count per thread, and do not run in go test.
package faultvfs
