package sweeper

import (
	"context"
	"fmt"
)

// releasedPage is how many sign-ups one run lets in at most: what a minute leaves
// over, the next one has.
const releasedPage = 100

// signups activates accounts that nothing is in the way of any more and that were
// not activated when that was found: the server died in between, or the PLC
// directory did not answer.
func (w *work) signups() error {
	ctx, cancel := context.WithTimeout(w.ctx, step)
	page, err := w.ListReleased(ctx, releasedPage)
	cancel()
	if err != nil {
		return err
	}
	for _, did := range page {
		ctx, cancel := context.WithTimeout(w.ctx, step)
		err := w.Activate(ctx, did)
		cancel()
		if err != nil {
			w.passed(fmt.Errorf("sweeper: sign-up of %s: %w", did, err))
		} else {
			w.count(KindSignup, 1)
		}
		if !w.pause() {
			break
		}
	}
	return w.outcome()
}
