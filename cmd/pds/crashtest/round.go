package crashtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// round is one crash and the way back, by the campaign's kind. look: with a
// look at the files in between.
func (c *campaign) round(ctx context.Context, look bool) error {
	switch c.Kind {
	case Power:
		return c.crashes(ctx, look, c.cut, c.again(8, 1, 60))
	case Startup:
		n := 1 + c.rand.IntN(5)
		return c.crashes(ctx, look, c.kill, func() time.Duration {
			if n--; n < 0 {
				return -1
			}
			return c.between(5, 50)
		})
	case Full:
		return c.fill(ctx, look)
	}
	return c.crashes(ctx, look, c.kill, c.again(4, 1, 60))
}

// again is, one time in n, how long after a start the next crash comes; -1: it
// does not.
func (c *campaign) again(n, from, to int) func() time.Duration {
	return func() time.Duration {
		if c.rand.IntN(n) > 0 {
			return -1
		}
		return c.between(from, to)
	}
}

// crashes crashes the server, and again while it starts as long as again says
// so, until it is ready.
func (c *campaign) crashes(ctx context.Context, look bool, crash func() error, again func() time.Duration) error {
	for first := true; ; first = false {
		if err := crash(); err != nil {
			return err
		}
		if !first {
			c.report.Nested++
		}
		if first && look {
			if err := c.fsck(ctx); err != nil {
				return err
			}
		}
		if err := c.server.start(); err != nil {
			return err
		}
		wait := again()
		if wait < 0 {
			break
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
	return c.ready(ctx)
}

func (c *campaign) ready(ctx context.Context) error {
	d, err := c.server.ready(ctx)
	if err == nil {
		c.report.Recovery = append(c.report.Recovery, d)
	}
	return err
}

func (c *campaign) kill() error { return c.server.kill() }

// cut takes the power away. Between the disk's end and the process's own the
// server sees errors, and may end by itself.
func (c *campaign) cut() error {
	c.server.cuts.Add(1)
	defer c.server.cuts.Add(1) // the process is dead: whatever is answered later was answered before
	if err := c.disk.cut(); err != nil {
		return err
	}
	err := c.server.kill()
	if ended := (endedError{}); err != nil && !errors.As(err, &ended) {
		return err
	}
	return c.disk.restore()
}

const (
	fullTime   = 20 * time.Second // for the last space to be used up
	resumeTime = 20 * time.Second // for writes to be taken again
)

// fill fills the disk to the brim, looks at what is served then, half of the
// time after a restart, and makes room again.
func (c *campaign) fill(ctx context.Context, look bool) error {
	b := c.disk.ballast()
	if err := b.fill(); err != nil {
		return err
	}
	if err := b.leave(int64(c.rand.IntN(256 << 10))); err != nil {
		return err
	}
	if err := c.brimful(ctx, b); err != nil {
		return err
	}
	if c.rand.IntN(2) == 0 || c.report.Rounds == 0 {
		if err := c.server.kill(); err != nil {
			return err
		}
		if err := b.fill(); err != nil {
			return err
		}
		if err := c.server.start(); err != nil {
			return err
		}
		if err := c.ready(ctx); err != nil {
			return fmt.Errorf("start while the disk is full: %w", err)
		}
		c.report.Nested++
		if err := c.brimful(ctx, b); err != nil {
			return err
		}
	}
	if err := b.remove(); err != nil {
		return err
	}
	if err := c.resume(ctx); err != nil {
		return err
	}
	return c.crashes(ctx, look, c.kill, c.again(4, 1, 60))
}

// brimful waits until every write is refused for want of space, and then looks
// at whether everything can be read.
func (c *campaign) brimful(ctx context.Context, b ballast) error {
	refused, quiet := c.acks.count("503 "+full), time.Now()
	commits := c.acks.commits()
	for end := time.Now().Add(fullTime); ; {
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return err
		}
		if err := b.fill(); err != nil { // as files are moved, room appears
			return err
		}
		if err := c.server.alive(); err != nil {
			return fmt.Errorf("on a full disk: %w", err)
		}
		if n := c.acks.commits(); n != commits {
			commits, quiet = n, time.Now()
		}
		if c.acks.count("503 "+full) > refused && time.Since(quiet) > time.Second {
			break
		}
		if time.Now().After(end) {
			c.broken("on a full disk %d writes were refused for want of space, the last was done %s ago",
				c.acks.count("503 "+full)-refused, time.Since(quiet).Round(time.Millisecond))
			break
		}
	}
	return c.readable(ctx)
}

// readable reads of every account through every door, as if nothing had happened.
func (c *campaign) readable(ctx context.Context) error {
	for i, p := range c.people {
		if err := ctx.Err(); err != nil {
			return err // its failures are nobody's fault
		}
		did := p.DID.String()
		doors := []struct {
			nsid string
			q    url.Values
		}{
			{"com.atproto.sync.getLatestCommit", url.Values{"did": {did}}},
			{"com.atproto.sync.getRepoStatus", url.Values{"did": {did}}},
			{"com.atproto.repo.describeRepo", url.Values{"repo": {did}}},
			{"com.atproto.repo.listRecords", url.Values{"repo": {did}, "collection": {posts}, "limit": {"10"}}},
		}
		for _, d := range doors {
			if err := c.client.get(ctx, d.nsid, d.q, nil); err != nil && ctx.Err() == nil {
				c.broken("on a full disk %s of %s: %v", d.nsid, p.Handle, err)
			}
		}
		if _, err := c.client.record(ctx, p.DID, posts+"/none"); err != nil && ctx.Err() == nil {
			c.broken("on a full disk getRecord of %s: %v", p.Handle, err)
		}
		if i%8 == 0 {
			if err := c.client.export(ctx, p.DID); err != nil && ctx.Err() == nil {
				c.broken("on a full disk getRepo of %s: %v", p.Handle, err)
			}
		}
	}
	return c.quick(ctx)
}

// resume waits until a write to every account is done again.
func (c *campaign) resume(ctx context.Context) error {
	began := time.Now()
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for i, p := range c.people {
		m := newMaker(c.Seed, 200+i) // no writer's
		m.n = c.report.Rounds * 1_000_000
		g.Go(func() error {
			before := c.acks.acknowledged()[p.DID].Rev
			for {
				if err := enlarge(ctx, c.client, p, m, c.acks, 1); err != nil {
					return err
				}
				if c.acks.acknowledged()[p.DID].Rev > before {
					break
				}
				if time.Since(began) > resumeTime {
					mu.Lock()
					c.broken("%s after there was room again, %s still takes no writes", resumeTime, p.Handle)
					mu.Unlock()
					break
				}
				if err := sleep(ctx, 20*time.Millisecond); err != nil {
					return err
				}
			}
			mu.Lock()
			defer mu.Unlock()
			c.report.Resume = append(c.report.Resume, time.Since(began))
			return nil
		})
	}
	return g.Wait()
}
