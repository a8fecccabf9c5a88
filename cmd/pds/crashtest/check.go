package crashtest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"golang.org/x/sync/errgroup"

	"troupe/cmd/pds/audit"
	"troupe/cmd/pds/fsck"
)

const (
	checkTime  = 2 * time.Minute // bounds the check of a round
	tailEvents = 500             // that it replays: from before the crash and after
)

// quick is what every round checks, under load: heads stand where they were
// acknowledged, and the history has the bytes that were seen.
func (c *campaign) quick(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	if err := c.heads(ctx); err != nil {
		return err
	}
	var err error
	c.follower.do(func(a *audit.Auditor) {
		if a.Last() > 0 {
			err = a.Replay(ctx, c.follower.before(tailEvents))
		}
		c.note(a)
	})
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	return nil
}

// note copies what the auditor has found so far; on the verifier's goroutine.
func (c *campaign) note(a *audit.Auditor) {
	r := c.report
	r.Findings = append(r.Findings[:0], a.Findings...)
	r.Forks, r.Replayed, r.Exports = a.Resets, a.Replayed, a.Exports
	r.Events = map[audit.Kind]int{}
	for k, n := range a.Counts {
		r.Events[k] = n
	}
}

// heads compares every account with the newest commit that was acknowledged.
func (c *campaign) heads(ctx context.Context) error {
	for did, want := range c.acks.acknowledged() {
		var got head
		err := c.patiently(ctx, func() (err error) {
			got, err = c.client.head(ctx, did)
			return err
		})
		switch {
		case err != nil:
			return fmt.Errorf("getLatestCommit of %s: %w", did, err)
		case got.Rev < want.Rev:
			c.broken("%s is at rev %s, and %s was acknowledged", did, got.Rev, want.Rev)
		case got.Rev == want.Rev && got.CID != want.CID:
			c.broken("rev %s of %s is %s, and %s was acknowledged", got.Rev, did, got.CID, want.CID)
		}
	}
	return nil
}

// patiently asks again for some seconds while the server says 503: after a
// crash it may be short of what it needs for a moment.
func (c *campaign) patiently(ctx context.Context, ask func() error) error {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := ask()
		if r := (refusal{}); !errors.As(err, &r) || r.Status != 503 || time.Now().After(end) || ctx.Err() != nil {
			return err
		}
	}
}

// audit looks at everything, while nobody writes.
func (c *campaign) audit(ctx context.Context) error {
	defer c.newcomers.rest()()
	defer c.writers.rest()()
	if err := c.writers.failed(); err != nil {
		return err
	}
	people := append(c.people, c.newcomers.all()...)
	dids := make([]syntax.DID, len(people))
	for i, p := range people {
		dids[i] = p.DID
	}
	c.report.Newcomers = len(people) - len(c.people)
	if err := c.follower.catchUp(ctx, c.client, dids); err != nil {
		return err
	}
	acks, err := c.acks.read()
	if err != nil {
		return err
	}
	contents := map[syntax.DID]map[string]string{}
	c.follower.do(func(a *audit.Auditor) {
		if err = a.Replay(ctx, 0); err != nil {
			return
		}
		if err = a.Repos(ctx, true); err != nil {
			return
		}
		c.report.Acks = a.CheckAcks(acks)
		c.note(a)
		for _, p := range people {
			content := a.Content(p.DID)
			if content == nil {
				c.broken("%s was signed up and is not on the firehose", p.Handle)
				continue
			}
			contents[p.DID] = map[string]string{}
			liked := 0
			for path, cid := range content {
				contents[p.DID][path] = cid.String()
				if strings.HasPrefix(path, likes+"/") {
					liked++
				}
			}
			if liked > subjects {
				c.broken("%s has %d likes of %d subjects", p.Handle, liked, subjects)
			}
		}
	})
	if err != nil {
		return err
	}
	c.report.Audits++
	if c.Look != nil {
		if err := c.Look(ctx, c.server.url, c.server.plc); err != nil {
			c.broken("%v", err)
		}
	}
	return c.records(ctx, contents)
}

// records asks getRecord for what changed since the last audit, and for what is
// gone.
func (c *campaign) records(ctx context.Context, contents map[syntax.DID]map[string]string) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	var mu sync.Mutex
	ask := func(did syntax.DID, path, want string) {
		g.Go(func() error {
			got, err := c.client.record(ctx, did, path)
			mu.Lock()
			defer mu.Unlock()
			c.report.Records++
			if r := (refusal{}); errors.As(err, &r) {
				c.broken("getRecord of %s/%s: %v", did, path, err)
				return nil
			}
			if err == nil && got != want {
				c.broken("getRecord of %s/%s says %q, the firehose %q", did, path, got, want)
			}
			return err
		})
	}
	for did, content := range contents {
		before := c.checked[did]
		for path, want := range content {
			if before[path] != want {
				ask(did, path, want)
			}
		}
		for path := range before {
			if content[path] == "" {
				ask(did, path, "")
			}
		}
	}
	c.checked = contents
	return g.Wait()
}

// fsck looks at the files while no server runs.
func (c *campaign) fsck(ctx context.Context) error {
	data := c.disk.data()
	summary, err := fsck.Check(ctx, fsck.Options{
		Data: data, Sequencer: filepath.Join(data, "sequencer.sqlite"), Accounts: filepath.Join(data, "account.sqlite"),
		DIDCache: filepath.Join(data, "did_cache.sqlite"), LexiconCache: filepath.Join(data, "lexicon_cache.sqlite"), Actors: filepath.Join(data, "actors"), KEK: filepath.Join(data, "keys", "kek"),
		Found: func(f fsck.Finding) { c.broken("fsck: %s", f) },
		Noted: func(n fsck.Note) {
			if n.Unseen {
				c.broken("fsck could not look at %s", n)
			}
		},
	})
	if err != nil {
		return fmt.Errorf("fsck: %w", err)
	}
	c.report.Fscks++
	c.say("fsck: %d accounts, %d entries, %d files, %d of them behind", summary.Accounts, summary.Entries, summary.Files, summary.Behind)
	return nil
}
