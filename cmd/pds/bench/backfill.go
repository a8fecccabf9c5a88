package bench

import (
	"context"
	"fmt"
	"time"
)

// fillPace bounds how long the log is filled for a replay that is worth
// measuring: a server that takes fewer events a second is measured with fewer.
const fillPace = 300

// fillTime is the least that a server is given.
const fillTime = 60 * time.Second

// firehoseBackfill replays everything to one subscriber, again and again. Its
// operations are events.
func firehoseBackfill(ctx context.Context, t *target, o Options) (tally, error) {
	if err := t.fill(ctx, o); err != nil {
		return tally{}, err
	}
	profiled := t.profile(ctx, o)
	var sum tally
	before := measure(t.PID)
	highest := before.rss
	passes := 0
	for end := time.Now().Add(o.Duration); passes == 0 || time.Now().Before(end); passes++ {
		events, bytes, rss, err := t.replay(ctx)
		if err != nil {
			return sum, err
		}
		sum.ops += events
		sum.bytes += bytes
		highest = max(highest, rss)
	}
	after := measure(t.PID)
	sum.spent(before, after)
	sum.rssGrown = max(highest, after.rss) - before.rss
	sum.rates = []float64{sum.rate()}
	sum.note(fmt.Sprintf("firehose-backfill: %d events in the log, %d times", sum.ops/passes, passes))
	profiled()
	return sum, nil
}

// replay reads from cursor 0 to a record that is written at its beginning. rss
// is the server's highest on the way.
func (t *target) replay(ctx context.Context) (events int, bytes, rss int64, err error) {
	all, err := t.accounts(ctx, 1)
	if err != nil {
		return 0, 0, 0, err
	}
	keys := newKeyRange()
	body := appendCreate(nil, all[0], keys.key(0), nextNumber())
	if _, _, err := t.slow.call(appendPost(nil, t.to, nsidCreate, "Bearer ", all[0].Access, body), false); err != nil {
		return 0, 0, 0, err
	}
	s, err := subscribe(ctx, t.URL, 0)
	if err != nil {
		return 0, 0, 0, err
	}
	defer s.ws.CloseNow()
	for {
		limit, cancel := context.WithTimeout(ctx, patience)
		for range 1000 { // a timer for many frames
			frame, err := s.next(limit)
			if err != nil {
				cancel()
				return 0, 0, 0, fmt.Errorf("after %d events: %w", s.events.Load(), err)
			}
			if i, ok := keys.find(frame); ok && i == 0 {
				cancel()
				return int(s.events.Load()), s.bytes.Load(), rss, nil
			}
		}
		cancel()
		if t.PID != 0 && s.events.Load()%10_000 == 0 {
			rss = max(rss, residentMemory(t.PID))
		}
	}
}

// fill makes sure that the log holds enough events.
func (t *target) fill(ctx context.Context, o Options) error {
	events, _, _, err := t.replay(ctx)
	if err != nil || events >= o.Events {
		return err
	}
	all, err := t.accounts(ctx, o.Accounts)
	if err != nil {
		return err
	}
	t.say("%d more events are written to be replayed", o.Events-events)
	ctx, cancel := context.WithTimeout(ctx, max(fillTime, time.Duration((o.Events-events)/fillPace)*time.Second))
	defer cancel()
	err = t.parallel(ctx, o.Events-events, o.Workers, func(c *conn, i int) error {
		a := all[i%len(all)]
		body := appendCreate(nil, a, "", nextNumber())
		_, _, err := c.call(appendPost(nil, t.to, nsidCreate, "Bearer ", a.Access, body), false)
		return err
	})
	if ctx.Err() != nil {
		return nil // as many as there was time for
	}
	return err
}
