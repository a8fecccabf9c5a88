package bench

import (
	"context"
	"fmt"
	"time"
)

// A segment is long enough to weigh more than its beginning, and so short that
// nobody has to answer a ping, which the herd cannot.
const segment = 10 * time.Second

// sampled is how many of a crowd decode what they get.
const sampled = 50

// firehoseCrowd writes Rate records a second, in turns without a subscriber and
// with a crowd of Subscribers and Stalled, over Duration altogether. The row is
// that of the writers while the crowd is there, beside it stand the figures of
// those who were alone. Of the crowd, 50 decode each event, and are those whose
// lag is shown; of the others only the bytes are counted, and compared with what
// those 50 have got. Connecting and disconnecting is not measured.
func firehoseCrowd(ctx context.Context, t *target, o Options) (tally, error) {
	alone, crowd := o, o
	turns := max(1, int(o.Duration/(2*segment)))
	alone.Duration = min(segment, o.Duration/2)
	alone.Subscribers, alone.Stalled = 0, 0
	crowd.Duration = alone.Duration
	crowd.Subscribers = min(o.Subscribers, sampled)
	crowd.quiet = o.Subscribers - crowd.Subscribers
	var without, with tally
	var rss int64 // before there was a crowd
	for i := range turns {
		a, err := firehosePaced(ctx, t, alone)
		if err != nil {
			return a, err
		}
		if i == 0 {
			rss = a.rss
		}
		without.add(a)
		b, err := firehosePaced(ctx, t, crowd)
		with.add(b)
		if err != nil {
			return with, err
		}
	}
	p50, p99 := percentile(without.latency, 0.50), percentile(without.latency, 0.99)
	with.figure("alone p50 ms", millis(p50))
	with.figure("alone p99 ms", millis(p99))
	with.figure("p50 of that x", per(millis(percentile(with.latency, 0.50)), millis(p50)))
	with.figure("p99 of that x", per(millis(percentile(with.latency, 0.99)), millis(p99)))
	with.figure("own cores", per(with.ownCPU.Seconds(), with.watched.Seconds()))
	if with.serverKnown {
		more := micros(with.serverCPU) - per(micros(without.serverCPU), float64(without.ops))*float64(with.ops)
		with.figure("µs/delivery without the write", per(more, float64(with.delivered)))
		with.figure("alone MB", megabytes(rss))
	}
	with.note(fmt.Sprintf("firehose-crowd: %d writes alone and %d beside %d subscribers and %d that never read, in %d turns of %s",
		without.ops, with.ops, o.Subscribers, o.Stalled, turns, alone.Duration))
	for name, n := range without.errors {
		with.note(fmt.Sprintf("firehose-crowd: %d × %s alone", n, name))
	}
	return with, nil
}
