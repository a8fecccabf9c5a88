package mail

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

var attempts = promauto.NewCounterVec(prometheus.CounterOpts{
	Name: "pds_mail_attempts_total",
	Help: "Attempts to hand a mail to the mail server, by how they ended: sent, failed (tried again), refused (given up).",
}, []string{"outcome"})

func count(o Outcome) {
	switch {
	case o.Sent:
		attempts.WithLabelValues("sent").Inc()
	case o.Again.IsZero():
		attempts.WithLabelValues("refused").Inc()
	default:
		attempts.WithLabelValues("failed").Inc()
	}
}
