package sweeper

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

var (
	removedTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Name: "troupe_sweeper_removed_total", Help: "Things that were removed because nobody needs them, by kind.",
	}, []string{"kind"})
	runsTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Name: "troupe_sweeper_runs_total", Help: "Chores that ended, by what became of them.",
	}, []string{"chore", "outcome"})
	lastRun = promauto.NewGaugeVec(prometheus.GaugeOpts{
		Name: "troupe_sweeper_last_success_timestamp_seconds", Help: "When a chore last came to its end without an error.",
	}, []string{"chore"})
)

func count(c Chore, removed Report, err error) {
	for k, n := range removed {
		removedTotal.WithLabelValues(string(k)).Add(float64(n))
	}
	if err != nil {
		runsTotal.WithLabelValues(string(c), "failed").Inc()
		return
	}
	runsTotal.WithLabelValues(string(c), "done").Inc()
	lastRun.WithLabelValues(string(c)).SetToCurrentTime()
}
