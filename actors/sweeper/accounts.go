package sweeper

import (
	"context"
	"fmt"

	"troupe/actors/account"
)

// overduePage is how many accounts are asked for at a time.
const overduePage = 100

// accounts has those accounts deleted that were deactivated until a time and that
// nobody came back to. Whether that is so is looked at again when it is done.
func (w *work) accounts() error {
	for {
		ctx, cancel := context.WithTimeout(w.ctx, step)
		page, err := w.ListOverdue(ctx, account.ListOverdue{Limit: overduePage})
		cancel()
		if err != nil {
			return err
		}
		done := 0
		for _, did := range page {
			ctx, cancel := context.WithTimeout(w.ctx, step)
			err := w.DeleteOverdue(ctx, did)
			cancel()
			if err != nil {
				w.passed(fmt.Errorf("sweeper: overdue account %s: %w", did, err))
			} else {
				done++
				w.count(KindAccount, 1)
			}
			if !w.pause() {
				return w.outcome()
			}
		}
		if len(page) < overduePage || done == 0 { // those that failed come first again: the next run
			return w.outcome()
		}
	}
}
