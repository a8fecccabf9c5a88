package sqlite

import (
	"fmt"
	"io/fs"
	"path"
	"sort"
)

// Schema says what a database file is.
type Schema struct {
	Kind          string   // "repo", "account", "log", "did": names the file in errors and metrics
	ApplicationID int32    // PRAGMA application_id; a file that carries another one is refused
	Migrations    []string // SQL of each step, in order; PRAGMA user_version is the number applied
}

// Migrations reads dir/*.sql of an embedded file system in name order, so that
// a schema is a folder of numbered files. It panics when there is none: the
// files are part of the binary, and a missing one is a build that went wrong.
func Migrations(fsys fs.FS, dir string) []string {
	names, err := fs.Glob(fsys, path.Join(dir, "*.sql"))
	if err != nil || len(names) == 0 {
		panic(fmt.Sprintf("sqlite: no migrations in %s: %v", dir, err))
	}
	sort.Strings(names)
	steps := make([]string, len(names))
	for i, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			panic(fmt.Sprintf("sqlite: read migration %s: %v", name, err))
		}
		steps[i] = string(text)
	}
	return steps
}

// Durability says what has survived a power cut once a commit has returned.
// After either, the death of the process alone loses nothing.
type Durability int

const (
	// Normal commits reach the operating system. A power cut may take back the
	// newest ones, in order, and never breaks the file. DB.Sync makes them last.
	Normal Durability = iota
	// Full commits are on the medium when they return.
	Full
)

// Options of one handle. The zero value is a writer with Normal durability.
type Options struct {
	Durability       Durability
	CacheKiB         int    // page cache; 0 = 256
	PageSize         int    // bytes, used only when the file is created; 0 = 4096
	ReadOnly         bool   // a query_only connection: never creates, migrates or checkpoints
	NoAutoCheckpoint bool   // the owner calls Checkpoint; otherwise the WAL is copied back at about 4 MiB
	MaxMemory        int64  // bytes the connection may use; 0 = 64 MiB, at least 4 MiB. Passing it is ErrMemory
	Exclusive        bool   // no other connection while this one is open, neither before it (Open is ErrBusy, at once) nor beside it
	VFS              string // the registered file system below ours; "" = the operating system. Faults plug in here
}

const (
	defaultCacheKiB  = 256
	defaultPageSize  = 4096
	defaultMaxMemory = 64 << 20
	minMaxMemory     = 4 << 20 // with less than 320 KiB the library ends the process while opening
	walTarget        = 4 << 20 // bytes of WAL at which SQLite copies it back
)

func (o Options) withDefaults() Options {
	if o.CacheKiB == 0 {
		o.CacheKiB = defaultCacheKiB
	}
	if o.PageSize == 0 {
		o.PageSize = defaultPageSize
	}
	if o.MaxMemory == 0 {
		o.MaxMemory = defaultMaxMemory
	}
	o.MaxMemory = max(o.MaxMemory, minMaxMemory)
	return o
}
