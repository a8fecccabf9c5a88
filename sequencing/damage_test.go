package sequencing

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"troupe/storage/logdb"
	"troupe/storage/sqlite"
)

// A damaged row is never sent. Reading stops in front of it and says so.
func TestDamagedRowStopsReading(t *testing.T) {
	path := logPath(t)
	l := openTest(t, path, LogOptions{})
	h := mustDo(t, l, firstCommit(testDID(1), 10)).Head
	for range 5 {
		h = mustDo(t, l, nextCommit(h, nil, Public)).Head
	}
	l.Close()
	db, err := sqlite.Open(ctx, path, logdb.Schema, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Transact(ctx, func(tx *sqlite.Tx) error {
		_, err := tx.Exec(`UPDATE log SET frame = zeroblob(length(frame)) WHERE seq = 6`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	db.Close()

	ring := NewRing(0)
	l = openTest(t, path, LogOptions{Ring: ring})
	page, err := l.Events(ctx, 3, 100, 1<<20)
	if err != nil || len(page) != 2 || page[1].Seq != 5 {
		t.Errorf("in front of the damage: %d events, %v", len(page), err)
	}
	if page, err = l.Events(ctx, 5, 100, 1<<20); !errors.Is(err, ErrCorrupt) || len(page) != 0 {
		t.Errorf("at the damage: %d events, %v", len(page), err)
	}
	var replayed []Seq
	err = l.Replay(ctx, h.DID, 3, func(e Event) error { replayed = append(replayed, e.Seq); return nil })
	if !errors.Is(err, ErrCorrupt) || !slices.Equal(replayed, []Seq{4, 5}) {
		t.Errorf("replayed %v, %v", replayed, err)
	}
	cursor := Seq(3)
	s, err := Subscribe(l, ring, &cursor, SubscribeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if batch, err := s.Next(ctx); err != nil || len(batch) != 2 {
		t.Errorf("%d frames, %v", len(batch), err)
	}
	if batch, err := s.Next(ctx); !errors.Is(err, ErrCorrupt) || len(batch) != 0 {
		t.Errorf("%d frames, %v", len(batch), err)
	}
	// Other accounts, and this one's head, live on.
	mustDo(t, l, nextCommit(h, nil, Public))
}

// Readers that follow each other without a pause would keep the WAL growing.
// Held back for a moment, they let it start over.
func TestReadersYieldToACheckpoint(t *testing.T) {
	l := openTest(t, logPath(t), LogOptions{Readers: 2})
	h := mustDo(t, l, firstCommit(testDID(1), 10)).Head
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Add(1)
		go func() {
			defer readers.Done()
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := l.Events(ctx, 0, 100, 1<<20); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	for range 20 {
		h = mustDo(t, l, nextCommit(h, nil, Public)).Head
		var err error
		size := int64(-1)
		onCommitter(t, l, func(c *committer) {
			l.views.pause(func() { err = c.db.Checkpoint(ctx, true) })
			size = c.db.WALSize()
		})
		if err != nil || size != 0 {
			t.Fatalf("WAL of %d bytes, %v", size, err)
		}
	}
	close(stop)
	readers.Wait()
}
