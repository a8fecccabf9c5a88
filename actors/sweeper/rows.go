package sweeper

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"troupe/actors/account"
)

// grace is how long rows stay after they ended: whoever looks into an incident of
// yesterday finds them.
const grace = 24 * time.Hour

// rows has accounts remove what ended, a piece at a time.
func (w *work) rows() error {
	m := account.SweepExpired{Before: w.Now().Add(-grace)}
	for {
		ctx, cancel := context.WithTimeout(w.ctx, step)
		x, err := w.SweepExpired(ctx, m)
		cancel()
		if err != nil {
			return err
		}
		w.count(KindRefreshToken, x.RefreshTokens)
		w.count(KindEmailToken, x.EmailTokens)
		w.count(KindMail, x.Mail)
		w.count(KindOAuth, x.OAuth)
		if x.Next == "" && x.OAuth == 0 { // what is removed a chunk at a time may have more
			return nil
		}
		m.After = x.Next
		if !w.pause() {
			return w.ctx.Err()
		}
	}
}

// identities removes cached rows until a piece is empty.
func (w *work) identities() error {
	for {
		ctx, cancel := context.WithTimeout(w.ctx, step)
		n, err := w.TrimIdentities(ctx)
		cancel()
		w.count(KindIdentity, int64(n))
		if n == 0 || err != nil {
			return err
		}
		if !w.pause() {
			return w.ctx.Err()
		}
	}
}

// keyLifetime is how long a signing key stays reserved: whoever moves here names it in
// a DID first, and takes days over that, not weeks.
const keyLifetime = 14 * 24 * time.Hour

// keys removes signing keys that were reserved for accounts that did not come.
func (w *work) keys() error {
	n, err := w.SweepKeys(w.Now().Add(-keyLifetime))
	w.count(KindKey, int64(n))
	return err
}

// trash unlinks what deleted accounts left when their story did not come to it. Whoever
// is unlinking the same is not disturbed.
func (w *work) trash() error {
	all, err := os.ReadDir(w.Trash)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range all {
		if err := os.RemoveAll(filepath.Join(w.Trash, e.Name())); err != nil {
			w.passed(err)
			continue
		}
		w.count(KindTrash, 1)
		if !w.pause() {
			break
		}
	}
	return w.outcome()
}
