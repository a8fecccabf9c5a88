package repo

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"golang.org/x/sync/errgroup"

	"troupe/actors/mailbox"
	"troupe/sequencing"
)

// sweepWidth is how many accounts a sweep activates at once.
const sweepWidth = 4

// Sweep activates every account whose file the log knows to lag, once, so
// that it catches up without waiting for somebody to ask. Serving goes on
// meanwhile. It returns how many accounts it woke. A panic becomes its error:
// whom it did not wake catches up when somebody asks.
func Sweep(ctx context.Context, log sequencing.Log, repos *mailbox.Router[*Repo], logger *slog.Logger) (woken int, err error) {
	defer func() {
		if p := recover(); p != nil {
			logger.Error("sweep", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("repo: sweep: panic: %v", p)
		}
	}()
	var after syntax.DID
	for {
		page, err := log.Behind(ctx, after, 256)
		if err != nil || len(page) == 0 {
			return woken, err
		}
		var g errgroup.Group
		g.SetLimit(sweepWidth)
		for _, h := range page {
			after = h.DID
			if h.Status == sequencing.StatusDeleted {
				continue
			}
			woken++
			g.Go(func() error {
				if _, err := mailbox.Ask(ctx, repos.Of(h.DID.String()), Wake{}); err != nil && ctx.Err() == nil {
					logger.Warn("an account's file lags behind the log", "did", h.DID, "entry", h.Seq, "applied", h.Applied, "err", err)
				}
				return nil
			})
		}
		g.Wait()
		if err := ctx.Err(); err != nil {
			return woken, err
		}
	}
}
