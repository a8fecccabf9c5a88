package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"troupe/cmd/pds/audit"
)

// auditCommand is `pds audit`.
type auditCommand struct {
	URL    string        `arg:"" help:"The server, as in http://localhost:2583."`
	PLC    string        `help:"PLC directory that knows its accounts." default:"https://plc.directory" name:"plc"`
	Follow bool          `help:"Print every event; from now on unless --cursor is given, until a signal or --for."`
	Cursor *int64        `help:"Begin after this event. 0 is the oldest that the server still has, and the default without --follow."`
	For    time.Duration `help:"Stop after this time."`
	out    io.Writer     // nil: standard output
}

// idleTime without an event is when a history counts as read.
const idleTime = time.Second

// errAudit is the exit of an audit that found something.
var errAudit = errors.New("the audit found broken rules")

// Run verifies the firehose, then, unless it only watches, replays it and
// reads every repository from scratch.
func (c *auditCommand) Run(ctx context.Context) error {
	if c.out == nil {
		c.out = os.Stdout
	}
	if c.Cursor == nil && !c.Follow {
		c.Cursor = new(int64)
	}
	a := audit.New(audit.Options{
		URL: c.URL, Keys: audit.NewDirectory(c.PLC),
		Complete: c.Cursor != nil && *c.Cursor == 0,
	})
	if err := c.watch(ctx, a); err != nil {
		return err
	}
	if !c.Follow && ctx.Err() == nil {
		if err := c.examine(ctx, a); err != nil {
			return err
		}
	}
	c.summary(a)
	if len(a.Findings) > 0 {
		return errAudit
	}
	return nil
}

// watch reads the firehose until its time is up, or, without --follow and
// --for, until it says nothing more. With --follow it waits for a server that
// went away and goes on where it was.
func (c *auditCommand) watch(ctx context.Context, a *audit.Auditor) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if c.For > 0 {
		defer time.AfterFunc(c.For, cancel).Stop()
	}
	idle := func() {}
	if !c.Follow && c.For == 0 {
		t := time.AfterFunc(idleTime, cancel)
		defer t.Stop()
		idle = func() { t.Reset(idleTime) }
	}
	cursor := c.Cursor
	for connected := false; ; {
		err := a.Follow(ctx, cursor, func(e audit.Event, found []audit.Finding) {
			idle()
			connected = true
			c.print(e, found)
		})
		if ctx.Err() != nil {
			return nil
		}
		if said := (audit.ErrorFrame{}); !c.Follow || errors.As(err, &said) || !connected && a.Last() == 0 && cursor != nil {
			return fmt.Errorf("firehose: %w", err)
		}
		fmt.Fprintln(c.out, "connection lost:", err)
		if last := a.Last(); last > 0 {
			cursor = &last
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// examine looks at everything that is not live.
func (c *auditCommand) examine(ctx context.Context, a *audit.Auditor) error {
	if a.Last() > 0 {
		if err := a.Replay(ctx, *c.Cursor); err != nil {
			return fmt.Errorf("replay: %w", err)
		}
	}
	return a.Repos(ctx, false)
}

func (c *auditCommand) print(e audit.Event, found []audit.Finding) {
	if !c.Follow {
		return // findings are in the summary
	}
	verdict := "verified"
	if len(found) > 0 {
		verdict = "BROKEN"
	}
	fmt.Fprintf(c.out, "%-8s %s\n", verdict, e)
	for _, f := range found {
		fmt.Fprintln(c.out, "  ", f)
	}
}

func (c *auditCommand) summary(a *audit.Auditor) {
	var kinds []string
	for _, k := range []audit.Kind{audit.KindCommit, audit.KindSync, audit.KindIdentity, audit.KindAccount} {
		kinds = append(kinds, fmt.Sprintf("%d %s", a.Counts[k], k))
	}
	fmt.Fprintf(c.out, "events verified: %s; %d bytes, the last is %d\n", strings.Join(kinds, ", "), a.Bytes, a.Last())
	if !c.Follow {
		fmt.Fprintf(c.out, "replayed: %d events, byte for byte\n", a.Replayed)
		fmt.Fprintf(c.out, "exported: %d repositories with %d records\n", a.Exports, a.Records)
	}
	fmt.Fprintf(c.out, "findings: %d\n", len(a.Findings))
	if !c.Follow {
		for _, f := range a.Findings {
			fmt.Fprintln(c.out, "  ", f)
		}
	}
}
