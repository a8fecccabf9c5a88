package repo

import (
	"context"
	"errors"
	"time"

	"troupe/storage/repodb"
)

func (r *Repo) getPreferences(ctx context.Context, m GetPreferences) (out []Preference, err error) {
	if err := r.exists(); err != nil {
		return nil, err
	}
	err = r.db.Read(ctx, func(tx *repodb.Reader) error {
		have, err := tx.Preferences()
		out = shown(have, m, time.Now())
		return err
	})
	return out, r.unexpected(err)
}

// putPreferences writes durably: preferences are in no log.
func (r *Repo) putPreferences(ctx context.Context, m PutPreferences) (done Stored, err error) {
	if err := r.exists(); err != nil {
		return done, err
	}
	var have []Preference
	err = r.db.Read(ctx, func(tx *repodb.Reader) (err error) {
		have, err = tx.Preferences()
		return err
	})
	if err != nil {
		return done, r.unexpected(err)
	}
	next, err := decidePreferences(have, m)
	if err != nil || samePreferences(have, next) {
		return done, err
	}
	err = r.db.TransactFull(context.WithoutCancel(ctx), func(tx *repodb.Tx) error { return tx.SetPreferences(next) })
	return done, r.written(err)
}

// readRecent looks at the file only if something is newer than the rev, which
// is rare: most of those who ask have seen everything.
func (r *Repo) readRecent(ctx context.Context, m ReadRecent) (out Recent, err error) {
	if err := r.exists(); err != nil || r.state.Rev <= m.Since {
		return Recent{}, err
	}
	err = r.query(ctx, func(tx *repodb.Reader) (err error) {
		if out.Records, err = tx.Recent(m.Collection, m.Since, m.Limit); err != nil {
			return err
		}
		profile, found, err := tx.Record(m.Profile.Collection, m.Profile.RKey)
		if err != nil {
			return err
		}
		if found && profile.Takedown == "" {
			out.Profile, out.Fresh = &profile, profile.Rev > m.Since
		}
		if out.Empty() {
			return errNothingRecent
		}
		older, err := tx.AnyUntil(m.Since)
		if err == nil && !older {
			err = errNothingRecent
		}
		return err
	})
	if errors.Is(err, errNothingRecent) {
		return Recent{}, nil
	}
	return out, err
}

var errNothingRecent = errors.New("nothing is recent")
