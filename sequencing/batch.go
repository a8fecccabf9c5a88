package sequencing

import (
	"errors"
	"fmt"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/logdb"
	"troupe/storage/sqlite"
)

// batch is what one transaction does to the log.
type batch struct {
	answers []answer
	changed map[syntax.DID]*pendingHead // heads as this batch leaves them
	order   []*pendingHead              // the same, in the order of their first change
	events  []Event                     // public, in order
	purged  []purge
	kinds   [len(kindNames)]int // entries of each kind
	bytes   int                 // of frames and effects
	entries int
}

type answer struct {
	committed Committed
	err       error
}

// pendingHead is a head that the running batch changes.
type pendingHead struct {
	cachedHead
	exists bool // a row of it is in the file
	anew   bool // starts an incarnation: created_at changes too
}

// purge: events of did below seq are gone.
type purge struct {
	did   syntax.DID
	below Seq
}

func (b *batch) reset() {
	clear(b.answers)
	b.answers = b.answers[:0]
	clear(b.changed)
	clear(b.order)
	b.order = b.order[:0]
	clear(b.events)
	b.events = b.events[:0]
	b.purged = b.purged[:0]
	clear(b.kinds[:])
	b.bytes, b.entries = 0, 0
}

// commit answers every request, in order.
func (c *committer) commit(requests []*request) {
	b := &c.batch
	c.unanswered = requests
	err := c.write(requests)
	if err == nil {
		c.publish()
	}
	batchAppendsSize.Observe(float64(len(requests)))
	released := 0
	for i, r := range requests {
		released += r.size
		a := answer{err: err}
		if err == nil {
			a = b.answers[i]
		}
		count(a.err)
		c.unanswered = requests[i+1:]
		r.done(a.committed, a.err)
	}
	b.reset()
	c.log.queue.release(released)
	queueBytes.Sub(float64(released))
}

// write brings the batch to the disk, all of it or nothing.
func (c *committer) write(requests []*request) error {
	if c.failed != nil {
		return c.failed
	}
	entries := 0
	for _, r := range requests {
		entries += len(r.append.Entries)
	}
	if err := c.numbers.ensure(entries); err != nil {
		if errors.Is(err, sqlite.ErrFull) {
			return fmt.Errorf("%w: %w", ErrFull, err)
		}
		return c.fatal(err)
	}
	start, first := time.Now(), c.numbers.next
	err := c.transact(func(tx *logdb.Tx) error {
		// A transaction that met a lock is run again from here. Nobody has seen
		// its numbers.
		c.batch.reset()
		c.numbers.next = first
		for _, r := range requests {
			a, err := c.admit(tx, &r.append)
			if err != nil {
				return err
			}
			c.batch.answers = append(c.batch.answers, a)
		}
		if len(c.batch.order) == 0 {
			return errNothing // all refused: no fsync for them
		}
		return c.writeHeads(tx)
	})
	if err == errNothing {
		return nil
	}
	if err == nil {
		commitSeconds.Observe(time.Since(start).Seconds())
	}
	return err
}

// admit decides one append against the head as earlier ones of the same batch
// left it, and writes its rows. A refusal is an answer; an error ends the batch.
func (c *committer) admit(tx *logdb.Tx, a *Append) (answer, error) {
	p, err := c.head(tx, a.DID)
	if err != nil {
		return answer{}, err
	}
	known := p.id != 0
	now := c.options.Now()
	next, err := a.admit(p.Head, known, microTime(now.UnixMicro()))
	if err != nil {
		return answer{err: err}, nil
	}
	if !known {
		c.lastHead++ // an id of a batch that fails is not used again; ids may have gaps
		p.id = c.lastHead
	}
	first := c.numbers.next
	if a.Purge && known {
		if _, err := tx.Purge(p.id); err != nil {
			return answer{}, err
		}
		c.batch.purge(a.DID, first)
	}
	if known && (next.Status == StatusDeleted || a.Expect.New) {
		if err := tx.ClearCollections(p.id); err != nil {
			return answer{}, err
		}
	}
	seqs := make([]Seq, len(a.Entries))
	for i := range a.Entries {
		seqs[i] = c.numbers.take()
		if err := c.insert(tx, p.id, a.DID, seqs[i], &a.Entries[i], now); err != nil {
			return answer{}, err
		}
	}
	next.Seq = seqs[len(seqs)-1]
	p.anew = p.anew || next.Incarnation != p.Incarnation
	p.Head = next
	if _, again := c.batch.changed[a.DID]; !again {
		c.batch.changed[a.DID] = p
		c.batch.order = append(c.batch.order, p)
	}
	return answer{committed: Committed{Seqs: seqs, Head: next}}, nil
}

// head is the head of a DID as the batch has left it so far; id 0 if it has none.
func (c *committer) head(tx *logdb.Tx, did syntax.DID) (*pendingHead, error) {
	if p := c.batch.changed[did]; p != nil {
		return p, nil
	}
	if h, ok := c.heads.Get(did); ok {
		return &pendingHead{cachedHead: *h, exists: true}, nil
	}
	row, found, err := tx.Head(did)
	if err != nil {
		return nil, err
	}
	if !found {
		return &pendingHead{cachedHead: cachedHead{Head: Head{DID: did}}}, nil
	}
	return &pendingHead{cachedHead: cachedHead{row.ID, headFromRow(&row)}, exists: true}, nil
}

func (c *committer) insert(tx *logdb.Tx, account int64, did syntax.DID, seq Seq, e *Entry, now time.Time) error {
	if !e.Time.IsZero() {
		now = e.Time
	}
	row := logdb.Entry{
		Seq: int64(seq), Account: account, DID: did, Kind: uint8(e.Kind), Public: bool(e.Visibility),
		Time: now.UnixMicro(), Rev: e.Next.Rev, Commit: e.Next.Commit, Data: e.Next.Data, Status: uint8(e.Next.Status),
		Effects: encodeEffects(&e.Effects, e.Private), Frame: e.Frame.Wire(seq),
	}
	if err := tx.Insert(&row); err != nil {
		return err
	}
	if err := keepCollections(tx, account, e); err != nil {
		return err
	}
	b := &c.batch
	b.entries++
	b.bytes += len(row.Frame) + len(row.Effects)
	b.kinds[e.Kind]++
	if e.Visibility == Public {
		b.events = append(b.events, Event{
			Seq: seq, DID: did, Kind: e.Kind, Visibility: e.Visibility, Time: microTime(row.Time), Frame: row.Frame,
		})
	}
	return nil
}

// purge takes back the events of did that the same batch was about to publish.
func (b *batch) purge(did syntax.DID, below Seq) {
	b.purged = append(b.purged, purge{did, below})
	kept := b.events[:0]
	for _, ev := range b.events {
		if ev.DID != did {
			kept = append(kept, ev)
		}
	}
	clear(b.events[len(kept):])
	b.events = kept
}

func (c *committer) writeHeads(tx *logdb.Tx) error {
	for _, p := range c.batch.order {
		row := p.Head.row(p.id)
		var err error
		switch {
		case !p.exists:
			err = tx.InsertHead(row)
		case p.anew:
			err = tx.RecreateHead(row)
		default:
			err = tx.UpdateHead(row)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// publish runs after the fsync, never before: what a subscriber has seen once
// must be there after a power cut.
func (c *committer) publish() {
	b := &c.batch
	if len(b.order) == 0 {
		return
	}
	for _, p := range b.order {
		c.heads.Add(p.DID, &cachedHead{p.id, p.Head})
	}
	for kind, n := range b.kinds {
		if n > 0 {
			entriesByKind[kind].Add(float64(n))
		}
	}
	last := c.numbers.next - 1
	c.log.last.Store(int64(last))
	lastSeq.Set(float64(last))
	// Every row shares its page with few others; an index page and a head page
	// come on top. An estimate is enough to know when the WAL is long.
	c.walBytes += b.bytes + b.entries*(8<<10)
	if ring := c.options.Ring; ring != nil {
		for _, p := range b.purged {
			ring.forget(p.did, p.below)
		}
		ring.Publish(b.events)
	}
}

func count(err error) {
	var refused Refused
	switch {
	case err == nil:
		appendsTotal.Inc()
	case errors.As(err, &refused):
		refusedTotal.WithLabelValues(reasonHead).Inc()
	case errors.Is(err, ErrFull):
		refusedTotal.WithLabelValues(reasonFull).Inc()
	default:
		refusedTotal.WithLabelValues(reasonClosed).Inc()
	}
}
