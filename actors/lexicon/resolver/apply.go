package resolver

import (
	"fmt"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"troupe/storage/lexdb"
)

var lookups = promauto.NewCounterVec(prometheus.CounterOpts{
	Name: "troupe_lexicon_lookups_total", Help: "Record types looked for on the network, by what became of it.",
}, []string{"outcome"})

// landed is the turn in which a look-up comes back: remember, then answer.
func (l *Lexicons) landed(nsid syntax.NSID, r resolved, err error) {
	before, _, have := l.copyOf(nsid)
	if err == nil && have && before.DID == r.DID && r.Rev < before.Rev {
		// Revs of a repository only grow: this is an older state, from a host that lags
		// or wants to bring back a schema that was replaced.
		err = fmt.Errorf("%w: rev %s is before %s", ErrProof, r.Rev, before.Rev)
	}
	waiting := l.under[nsid]
	delete(l.under, nsid)
	if err != nil {
		l.failed.Add(nsid, failure{at: l.options.Now(), definite: definite(err)})
		lookups.WithLabelValues(outcome(err)).Inc()
		l.options.Log.Debug("lexicon not resolved", "nsid", nsid, "err", err)
		for _, answer := range waiting {
			answer(nil, fmt.Errorf("%w: %w", ErrUnknown, err))
		}
		return
	}
	lookups.WithLabelValues("found").Inc()
	l.failed.Remove(nsid)
	r.FetchedAt = l.options.Now()
	l.keep(r)
	l.remember(func(db *lexdb.DB) error {
		if err := db.Put(l.life, r.Lexicon); err != nil {
			return err
		}
		_, err := db.Trim(l.life, l.options.Now().Add(-l.options.Stale), onDisk)
		return err
	})
	for _, answer := range waiting {
		answer(r.catalog, nil)
	}
}

func outcome(err error) string {
	if definite(err) {
		return "absent"
	}
	return "failed"
}
