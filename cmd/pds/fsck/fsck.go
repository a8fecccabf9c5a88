package fsck

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/accountdb"
	"troupe/storage/blob"
	"troupe/storage/keys"
	"troupe/storage/logdb"
	"troupe/storage/sqlite"
)

// Options say where everything is.
type Options struct {
	Data         string // the data directory; the others are usually below it
	Sequencer    string
	Accounts     string
	DIDCache     string
	LexiconCache string
	Actors       string
	KEK          string

	// Blobs opens the bytes of a blob; nil: they are not looked for.
	Blobs func(context.Context, syntax.DID, cid.Cid) (blob.Object, error)

	DID syntax.DID // look at this account only; "" is all of them

	Found    func(Finding)           // called one at a time, from several goroutines; may be nil
	Noted    func(Note)              // the same
	Progress func(done, about int64) // accounts that were begun, and how many there may be; may be nil
	Workers  int                     // accounts at a time; 0: one per CPU
}

var (
	// ErrNothing: there is no data directory of this server at that place.
	ErrNothing = errors.New("fsck: no data directory")
	// ErrNoAccount: nothing in the directory knows the account that was asked for.
	ErrNoAccount = errors.New("fsck: no such account")
)

// check is one run.
type check struct {
	Options
	*reporter
	vault    *keys.Vault // nil: no key opens, which has been said
	accounts *accountdb.DB
	stories  map[syntax.DID]bool   // told while the server stopped
	broken   map[syntax.DID]bool   // rows in the log that contradict each other
	hashed   map[string]syntax.DID // folders that do not show their DID
	applied  int64                 // up to where account.sqlite followed the log
	torn     bool                  // the log is no sound database
	traces   traces
}

// Check looks at everything. The caller holds the directory's lock.
func Check(ctx context.Context, o Options) (Summary, error) {
	c := &check{
		Options: o, reporter: &reporter{found: o.Found, noted: o.Noted},
		stories: map[syntax.DID]bool{}, broken: map[syntax.DID]bool{}, hashed: map[string]syntax.DID{},
	}
	if c.Workers <= 0 {
		c.Workers = runtime.NumCPU()
	}
	defer c.traces.remove()
	err := c.run(ctx)
	return c.Summary, err
}

func (c *check) run(ctx context.Context) error {
	there, err := c.inventory()
	if err != nil {
		return err
	}
	if !there {
		return nil // said, and nothing else can be judged without
	}
	if err := c.openVault(); err != nil {
		return err
	}
	c.traces.watch(c.Sequencer)
	log, err := logdb.OpenView(ctx, c.Sequencer, "")
	switch {
	case errors.Is(err, sqlite.ErrUnmade):
		return c.unmade()
	case damaged(err):
		c.bad(RuleLog, c.at(c.Sequencer), "%v", err)
		return nil
	case err != nil:
		return err
	}
	defer log.Close()
	if err := c.openIndex(ctx, log); err != nil {
		return err
	}
	if c.accounts != nil {
		defer c.accounts.Close()
	}
	if c.DID == "" {
		if err := c.wholeLog(ctx, log); err != nil {
			return err
		}
		if err := c.index(ctx, log); err != nil {
			return err
		}
		if err := c.caches(ctx); err != nil {
			return err
		}
	}
	if err := c.eachAccount(ctx, log); err != nil {
		return err
	}
	return c.folders(ctx, log)
}

// inventory says whether there is a log to compare with. A directory that
// holds accounts and no log has lost it.
func (c *check) inventory() (log bool, err error) {
	seen := 0
	for _, path := range []string{c.Sequencer, c.Accounts, c.Actors} {
		_, err := os.Stat(path)
		switch {
		case err == nil:
			seen++
			log = log || path == c.Sequencer
		case !errors.Is(err, fs.ErrNotExist):
			return false, fmt.Errorf("fsck: %w", err)
		}
	}
	if seen == 0 {
		return false, fmt.Errorf("%w: %s", ErrNothing, c.Data)
	}
	if !log {
		c.bad(RuleLog, c.at(c.Sequencer), "the log is gone")
	}
	return log, nil
}

// unmade judges a log without a schema, as a server leaves it that was killed
// while it started for the first time. There are no accounts then.
func (c *check) unmade() error {
	sealed, err := keys.AnySealed(c.Actors)
	if sealed {
		c.bad(RuleLog, c.at(c.Sequencer), "the log is empty, and there are accounts")
	}
	return err
}

func (c *check) openVault() error {
	vault, _, err := keys.OpenVault(c.KEK, false)
	switch {
	case err == nil:
		c.vault = vault
	case errors.Is(err, fs.ErrNotExist):
		sealed, err := keys.AnySealed(c.Actors)
		if err != nil {
			return err
		}
		if sealed {
			c.bad(RuleKey, c.at(c.KEK), "the key-encryption key is gone, and there are keys that it sealed")
		}
	case errors.Is(err, keys.ErrExposed):
		c.bad(RuleMode, c.at(c.KEK), "%v", err)
	case errors.Is(err, keys.ErrBadKey):
		c.bad(RuleKey, c.at(c.KEK), "%v", err)
	default:
		return err
	}
	return nil
}

// at is the place of a file.
func (c *check) at(path string) Place {
	if rel, err := filepath.Rel(c.Data, path); err == nil && filepath.IsLocal(rel) {
		path = rel
	}
	return Place{File: path}
}

// damaged tells damage from what merely kept us from looking.
func damaged(err error) bool {
	if errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		return false
	}
	return errors.Is(err, sqlite.ErrCorrupt) || errors.Is(err, sqlite.ErrForeign) || errors.Is(err, sqlite.ErrIO)
}

// traces are files that SQLite makes beside a database in order to read it.
// Those that were not there are removed at the end: left behind, they could
// belong to another user than the server's.
type traces struct{ made []string }

// watch notes, before a database is opened, what is not beside it.
func (t *traces) watch(path string) {
	for _, suffix := range []string{"-shm", "-wal"} {
		if _, err := os.Lstat(path + suffix); errors.Is(err, fs.ErrNotExist) {
			t.made = append(t.made, path+suffix)
		}
	}
}

// remove is called when no handle is open any more.
func (t *traces) remove() {
	for _, path := range t.made {
		// Nothing was written, so a -wal that holds something is not ours.
		if info, err := os.Lstat(path); err == nil && (info.Size() == 0 || strings.HasSuffix(path, "-shm")) {
			_ = os.Remove(path)
		}
	}
	t.made = nil
}
