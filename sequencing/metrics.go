package sequencing

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

var (
	appendsTotal = promauto.NewCounter(prometheus.CounterOpts{
		Name: "troupe_log_appends_total", Help: "Appends committed."})
	entriesTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Name: "troupe_log_entries_total", Help: "Entries committed, by kind."}, []string{"kind"})
	refusedTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Name: "troupe_log_refused_total", Help: "Appends refused, by reason."}, []string{"reason"})
	batchAppendsSize = promauto.NewHistogram(prometheus.HistogramOpts{
		Name: "troupe_log_batch_appends", Help: "Appends per commit of the log.",
		Buckets: prometheus.ExponentialBuckets(1, 2, 11)})
	commitSeconds = promauto.NewHistogram(prometheus.HistogramOpts{
		Name: "troupe_log_fsync_seconds", Help: "Time of one commit of the log, its fsync included.",
		Buckets: prometheus.ExponentialBuckets(0.000125, 2, 15)})
	queueBytes = promauto.NewGauge(prometheus.GaugeOpts{
		Name: "troupe_log_queue_bytes", Help: "Bytes of appends that are not answered yet."})
	lastSeq = promauto.NewGauge(prometheus.GaugeOpts{
		Name: "troupe_log_last_seq", Help: "Highest sequence number committed."})
	prunedTotal = promauto.NewCounter(prometheus.CounterOpts{
		Name: "troupe_log_pruned_total", Help: "Entries deleted because nothing needs them any more."})
	corruptRows = promauto.NewCounter(prometheus.CounterOpts{
		Name: "troupe_log_corrupt_reads_total", Help: "Reads that met a damaged row and stopped there."})
	checkpointSeconds = promauto.NewHistogram(prometheus.HistogramOpts{
		Name: "troupe_log_checkpoint_seconds", Help: "Time for which one checkpoint of the log held up appends.",
		Buckets: prometheus.ExponentialBuckets(0.001, 2, 12)})

	subscribersGauge = promauto.NewGauge(prometheus.GaugeOpts{
		Name: "troupe_log_subscribers", Help: "Open firehose subscriptions."})
	ringBytes = promauto.NewGauge(prometheus.GaugeOpts{
		Name: "troupe_log_ring_bytes", Help: "Bytes of frames in the ring."})
	tooSlowTotal = promauto.NewCounter(prometheus.CounterOpts{
		Name: "troupe_log_too_slow_total", Help: "Subscriptions ended because the consumer was too slow."})
)

// entriesByKind spares the hot path a lookup by name.
var entriesByKind = func() (byKind [len(kindNames)]prometheus.Counter) {
	for k := range byKind {
		if Kind(k).Valid() {
			byKind[k] = entriesTotal.WithLabelValues(Kind(k).String())
		}
	}
	return byKind
}()

// The reasons of refusedTotal.
const (
	reasonHead    = "head"
	reasonInvalid = "invalid"
	reasonQueue   = "queue"
	reasonFull    = "full"
	reasonClosed  = "closed"
)
