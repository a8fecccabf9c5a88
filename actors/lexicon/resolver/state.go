package resolver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/hashicorp/golang-lru/v2/simplelru"

	"troupe/actors/lexicon"
	"troupe/actors/mailbox"
	"troupe/storage/lexdb"
	"troupe/storage/sqlite"
)

const (
	remembered = 4096     // failures in memory
	compiled   = 1024     // schemas in memory,
	inMemory   = 8 << 20  // made of this many bytes of documents
	onDisk     = 64 << 20 // bytes of documents in the file
	waiters    = 64       // who wait for one look-up
)

// Lexicons is the actor that owns lexicon_cache.sqlite and every look-up under way.
type Lexicons struct {
	options Options
	self    mailbox.Self

	// owned by the turns of this instance
	db     *lexdb.DB
	copies *simplelru.LRU[syntax.NSID, resolved]
	bytes  int // of documents, of copies
	failed *simplelru.LRU[syntax.NSID, failure]
	under  map[syntax.NSID][]func(*lexicon.Catalog, error) // look-ups under way, and who waits

	// set by Start, read by the look-ups
	life context.Context
	end  context.CancelFunc
}

// resolved is a schema that was proven and compiled. It is never changed.
type resolved struct {
	lexdb.Lexicon
	catalog *lexicon.Catalog
}

func (r resolved) size() (n int) {
	for _, d := range r.Documents {
		n += len(d)
	}
	return n
}

// New returns the actor for mailbox.Spawn.
func New(self mailbox.Self, o Options) *Lexicons {
	l := &Lexicons{options: o.withDefaults(), self: self, under: map[syntax.NSID][]func(*lexicon.Catalog, error){}}
	var err1, err2 error
	l.copies, err1 = simplelru.NewLRU(compiled, func(_ syntax.NSID, r resolved) { l.bytes -= r.size() })
	l.failed, err2 = simplelru.NewLRU[syntax.NSID, failure](remembered, nil)
	if err := errors.Join(err1, err2); err != nil {
		panic(err) // a size that is not positive
	}
	return l
}

// open opens the cache. A file that cannot be used is replaced: nothing in it is
// worth a server that does not start.
func (l *Lexicons) open(ctx context.Context) error {
	db, err := lexdb.Open(ctx, l.options.Path, lexdb.Options{})
	if errors.Is(err, sqlite.ErrCorrupt) || errors.Is(err, sqlite.ErrForeign) || errors.Is(err, sqlite.ErrNewer) {
		l.options.Log.Warn("lexicon cache replaced", "path", l.options.Path, "err", err)
		if err := lexdb.Remove(l.options.Path); err != nil {
			return fmt.Errorf("resolver: %w", err)
		}
		db, err = lexdb.Open(ctx, l.options.Path, lexdb.Options{})
	}
	if err != nil {
		return fmt.Errorf("resolver: %w", err)
	}
	l.db = db
	return nil
}

// copyOf finds what is known of a type, in memory or in the file.
func (l *Lexicons) copyOf(nsid syntax.NSID) (r resolved, age time.Duration, ok bool) {
	if r, ok = l.copies.Get(nsid); !ok {
		l.remember(func(db *lexdb.DB) error {
			row, found, err := db.Lexicon(l.life, nsid)
			if err != nil || !found {
				return err
			}
			// A row that does not compile, with another catalog below it, is a miss and
			// will be overwritten.
			if c, err := l.options.Base.Extend(row.Documents...); err == nil && c.KnownRecord(nsid) {
				r, ok = resolved{row, c}, true
				l.keep(r)
			}
			return nil
		})
	}
	return r, l.options.Now().Sub(r.FetchedAt), ok
}

// keep holds a schema in memory.
func (l *Lexicons) keep(r resolved) {
	l.copies.Remove(r.NSID)
	l.copies.Add(r.NSID, r)
	for l.bytes += r.size(); l.bytes > inMemory; {
		l.copies.RemoveOldest()
	}
}

// remember touches the file. Its failures never become an answer: without the file
// the server is slower, not wrong. One found damaged is replaced on the spot.
func (l *Lexicons) remember(touch func(*lexdb.DB) error) {
	if l.db == nil {
		return
	}
	err := touch(l.db)
	if err == nil || l.life.Err() != nil {
		return
	}
	l.options.Log.Warn("lexicon cache failed", "err", err)
	if !errors.Is(err, sqlite.ErrCorrupt) {
		return
	}
	l.db.Close()
	l.db = nil
	if err := lexdb.Remove(l.options.Path); err != nil {
		l.options.Log.Warn("lexicon cache is off", "err", err)
		return
	}
	if err := l.open(l.life); err != nil {
		l.options.Log.Warn("lexicon cache is off", "err", err)
	}
}
