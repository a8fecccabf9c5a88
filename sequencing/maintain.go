package sequencing

import (
	"context"
	"time"

	"troupe/storage/logdb"
)

// MarkApplied implements Log.
func (l *SQLiteLog) MarkApplied(ctx context.Context, marks []Applied) error {
	if len(marks) == 0 {
		return nil
	}
	return l.maintain(ctx, "mark applied", func(c *committer) error {
		err := c.transact(func(tx *logdb.Tx) error {
			for _, m := range marks {
				if err := tx.MarkApplied(m.DID, int64(m.Seq)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, m := range marks {
			if h, ok := c.heads.Peek(m.DID); ok && m.Seq > h.Applied {
				marked := *h
				marked.Applied = min(m.Seq, h.Seq)
				c.heads.Add(m.DID, &marked)
			}
		}
		return nil
	})
}

// MarkAccounts implements Log.
func (l *SQLiteLog) MarkAccounts(ctx context.Context, seq Seq) error {
	return l.maintain(ctx, "mark accounts", func(c *committer) error {
		return c.transact(func(tx *logdb.Tx) error { return tx.MarkAccounts(int64(seq)) })
	})
}

// Prune implements Log. limit bounds how long one call keeps appends waiting;
// 500 rows take a few milliseconds.
func (l *SQLiteLog) Prune(ctx context.Context, before time.Time, limit int) (n int, err error) {
	// The answer travels by channel: after a cancelled wait the job may still
	// run, and must not write to this frame.
	deleted := make(chan int64, 1)
	err = l.maintain(ctx, "prune", func(c *committer) error {
		var rows int64
		err := c.transact(func(tx *logdb.Tx) (err error) {
			rows, err = tx.Prune(before.UnixMicro(), limit)
			if err == nil && rows == 0 {
				return errNothing
			}
			return err
		})
		if err == errNothing {
			err = nil
		}
		deleted <- rows
		return err
	})
	if err != nil {
		return 0, err
	}
	n = int(<-deleted)
	prunedTotal.Add(float64(n))
	return n, nil
}
