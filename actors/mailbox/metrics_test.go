package mailbox_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"troupe/actors/mailbox"
)

func TestMetricsSayWhatActorsDo(t *testing.T) {
	turns := gathered(t, "troupe_actor_turn_seconds", "metered") // of earlier runs: it outlives its router
	r := router(t, mailbox.RouterOptions{Name: "metered", Shards: 1, Live: 1, PerKey: 2, Crashes: 1}, lives{})
	wants(t, r.Of("a"), value(1), 1, nil)
	wants(t, r.Of("b"), value(1), 1, nil) // a leaves
	wants(t, r.Of("c"), boom, 0, mailbox.ErrCrashed)
	eventually(t, func() bool { return r.Stats().Quarantined == 1 && r.Stats().Live <= 1 })
	release := block(t, r.Of("d"))
	queued := post(t.Context(), r.Of("d"), value(1))
	wants(t, r.Of("d"), value(1), 0, mailbox.ErrBusy)
	eventually(t, func() bool { return r.Stats().Live == 1 })

	for name, want := range map[string]float64{
		"live": 1, "mailbox_depth": 2, "activations_total": 4, "crashes_total": 1, "busy_total": 1,
		"quarantined_total": 1, "turn_seconds": turns + 2, // of message do: a and b; c panicked, d is not done
	} {
		if got := gathered(t, "troupe_actor_"+name, "metered"); got != want {
			t.Errorf("troupe_actor_%s = %v, want %v", name, got, want)
		}
	}
	if got := gathered(t, "troupe_actor_evictions_total", "metered"); got < 1 {
		t.Errorf("evictions: %v", got)
	}
	release()
	<-queued.done
}

func TestStoriesShareALabel(t *testing.T) {
	sys := system(t)
	for _, name := range []string{"told/1", "told/2"} {
		h, err := mailbox.Spawn(sys, name, 4, func(mailbox.Self) *probe { return &probe{} })
		if err != nil {
			t.Fatal(err)
		}
		defer h.Stop(t.Context())
		wants(t, h.Address(), value(1), 1, nil)
	}
	if n := gathered(t, "troupe_actor_live", "told"); n != 2 {
		t.Errorf("live: %v", n)
	}
}

// gathered reads one value of the default registry (the count of a histogram),
// 0 if there is none.
func gathered(t *testing.T, name, actor string) float64 {
	t.Helper()
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() != name || !strings.Contains(m.String(), `"`+actor+`"`) {
				continue
			}
			switch {
			case m.Gauge != nil:
				return m.Gauge.GetValue()
			case m.Counter != nil:
				return m.Counter.GetValue()
			case m.Histogram != nil:
				return float64(m.Histogram.GetSampleCount())
			}
		}
	}
	return 0
}
