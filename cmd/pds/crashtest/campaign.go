package crashtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// campaign is one run. Its fields are owned by the goroutine of Run, apart from
// those that lock themselves.
type campaign struct {
	Options
	rand   *rand.Rand
	report *Report

	disk      disk
	server    *server
	client    client
	acks      *ackLog
	follower  *follower
	people    []person
	writers   *writers
	newcomers *newcomers

	checked map[syntax.DID]map[string]string // records that getRecord was asked for
	began   time.Time
}

// Run runs a campaign until its rounds or its time are over, ctx ends, or an
// audit finds something. The report is there even if there is an error, unless
// nothing was begun.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	c := &campaign{
		Options: o, rand: rand.New(rand.NewPCG(o.Seed, 1)), report: &Report{Kind: o.Kind, Seed: o.Seed},
		checked: map[syntax.DID]map[string]string{}, began: time.Now(),
	}
	if err := c.prepareDisk(); err != nil {
		return nil, err
	}
	err := c.run(ctx)
	c.report.Time = time.Since(c.began)
	if c.acks != nil {
		c.report.Answers, c.report.Acked = c.acks.answers, c.acks.committed
		err = errors.Join(err, c.acks.close())
		c.judge(c.report.Answers)
	}
	return c.report, errors.Join(err, c.cleanUp(c.report.OK() && (err == nil || ctx.Err() != nil)))
}

func (c *campaign) prepareDisk() (err error) {
	if c.Kind == Power || c.Kind == Full {
		c.disk, err = newImage(c.Dir, c.ImageMiB)
	} else {
		c.disk, err = newFolder(c.Dir)
	}
	return err
}

// cleanUp leaves nothing mounted and, of a campaign that found something or
// could not go on, all files. One that was interrupted has nothing to show.
func (c *campaign) cleanUp(remove bool) error {
	if err := c.disk.close(); err != nil {
		return err
	}
	if !remove || c.Keep {
		c.say("everything is left in %s", c.Dir)
		return nil
	}
	var errs []error
	for _, name := range []string{"data", "disk", "disk.img", "acks.jsonl", "server.log"} {
		errs = append(errs, os.RemoveAll(filepath.Join(c.Dir, name)))
	}
	return errors.Join(errs...)
}

func (c *campaign) run(ctx context.Context) (err error) {
	if c.acks, err = openAckLog(filepath.Join(c.Dir, "acks.jsonl")); err != nil {
		return err
	}
	if c.server, err = newServer(c.Options, c.disk.data()); err != nil {
		return err
	}
	defer c.server.close()
	c.client = newClient(c.server)
	if err := c.server.start(); err != nil {
		return err
	}
	if _, err := c.server.ready(ctx); err != nil {
		return err
	}
	c.follower = follow(ctx, c.server)
	if err := c.populate(ctx); err != nil {
		c.follower.stop()
		return err
	}
	c.writers = startWriters(ctx, c.Options, c.server, c.people, c.acks, c.follower.behind)
	c.newcomers = startNewcomers(ctx, c.server, 300*time.Millisecond)
	err = c.rounds(ctx)
	if ctx.Err() == nil && err == nil {
		// The last audit is to see the last write.
		if stuck := c.newcomers.stop(); stuck != nil {
			c.broken("%v", stuck)
		}
		err = c.writers.stop()
	}
	if err == nil && ctx.Err() == nil && len(c.report.Findings)+len(c.report.Broken) == 0 {
		err = c.audit(ctx)
	}
	// The server is gone when a round has failed: nobody waits for its answers.
	c.newcomers.cancel()
	err = errors.Join(err, c.writers.stop())
	_ = c.newcomers.stop()
	c.follower.stop()
	if err != nil || ctx.Err() != nil {
		return errors.Join(err, ctx.Err())
	}
	return c.finish(ctx)
}

// judge looks for answers that no crash explains: a server that runs may be
// full or busy, and say so, but it has no internal errors.
func (c *campaign) judge(answers map[string]int) {
	for what, n := range answers {
		if strings.HasPrefix(what, "500 ") && !strings.HasSuffix(what, afterCut) {
			c.broken("%d requests were answered with %s", n, what)
		}
	}
}

// populate signs everybody up and gives some of them large repositories.
func (c *campaign) populate(ctx context.Context) (err error) {
	if c.people, err = signUpAll(ctx, c.client, c.Accounts); err != nil {
		return fmt.Errorf("sign up: %w", err)
	}
	c.say("%d accounts signed up", len(c.people))
	for i := range min(c.Large, len(c.people)) {
		// Not all of the large ones are among the busy ones.
		p := c.people[i*hot%len(c.people)]
		if err := enlarge(ctx, c.client, p, newMaker(c.Seed, 1000+i), c.acks, c.LargeRecords); err != nil {
			return err
		}
		c.say("%s has %d records", p.Handle, c.LargeRecords)
	}
	return nil
}

// rounds crashes until it is enough, and leaves a server that runs.
func (c *campaign) rounds(ctx context.Context) error {
	audited, began := 0, time.Now()
	for c.Rounds == 0 || c.report.Rounds < c.Rounds {
		if time.Since(began) > c.For {
			return nil
		}
		due := c.AuditEvery > 0 && c.report.Rounds+1-audited >= c.AuditEvery
		if err := sleep(ctx, c.between(300, 1600)); err != nil {
			return nil
		}
		if err := c.round(ctx, due); err != nil {
			return fmt.Errorf("round %d: %w", c.report.Rounds+1, err)
		}
		c.report.Rounds++
		if err := c.quick(ctx); err != nil {
			return fmt.Errorf("check of round %d: %w", c.report.Rounds, err)
		}
		if due {
			audited = c.report.Rounds
			if err := c.audit(ctx); err != nil {
				return fmt.Errorf("audit of round %d: %w", c.report.Rounds, err)
			}
		}
		if due || c.report.Rounds%10 == 0 || len(c.report.Findings)+len(c.report.Broken) > 0 {
			c.say("%d rounds, %d writes acknowledged, %d audits", c.report.Rounds, c.acks.commits(), c.report.Audits)
		}
		if len(c.report.Findings)+len(c.report.Broken) > 0 {
			return nil
		}
		if err := c.writers.failed(); err != nil {
			return err
		}
	}
	return nil
}

// finish stops the server as an operator would and looks at the files.
func (c *campaign) finish(ctx context.Context) error {
	if err := c.server.stop(); err != nil {
		c.broken("after SIGTERM: %v", err)
	}
	return c.fsck(ctx)
}

// broken notes what a server must not do and no auditor sees.
func (c *campaign) broken(format string, args ...any) {
	c.report.Broken = append(c.report.Broken, fmt.Sprintf(format, args...))
}

func (c *campaign) say(format string, args ...any) {
	fmt.Fprintf(c.Out, "%7.1fs %s\n", time.Since(c.began).Seconds(), fmt.Sprintf(format, args...))
}

// between is a random time of that many milliseconds.
func (c *campaign) between(from, to int) time.Duration {
	return time.Duration(from+c.rand.IntN(to-from)) * time.Millisecond
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
