package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// journal is what several servers, and the relay that reads all of them, have
// said, while accounts move from one to another.
type journal struct {
	mu    sync.Mutex // a reader for each firehose
	heard []heard    // of the servers, as it arrived
	relay []event
	last  time.Time
}

// heard is an event of a server.
type heard struct {
	event
	server  string
	matched bool
}

// watchMoves reads all firehoses until a signal, lets the relay catch up, and compares.
func watchMoves(ctx context.Context, servers []string, relay string) (same bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	enough := make(chan os.Signal, 1)
	signal.Notify(enough, syscall.SIGUSR1)
	j := &journal{last: time.Now()}
	read := func(url string, add func(event)) error {
		open := make(chan struct{})
		go func() { cancel(follow(ctx, url, func() { close(open) }, add)) }()
		select {
		case <-open:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if err := read(relay, j.theirs); err != nil {
		return false, err
	}
	for _, url := range servers {
		if err := read(url, func(e event) { j.ours(url, e) }); err != nil {
			return false, err
		}
	}
	fmt.Println("watching")
	select {
	case <-enough:
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
	j.settle(ctx)
	return j.compare(), nil
}

func (j *journal) ours(server string, e event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.heard, j.last = append(j.heard, heard{event: e, server: server}), time.Now()
}

func (j *journal) theirs(e event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.relay, j.last = append(j.relay, e), time.Now()
}

func (j *journal) settle(ctx context.Context) {
	for ctx.Err() == nil {
		j.mu.Lock()
		quiet := time.Since(j.last)
		j.mu.Unlock()
		if quiet > 3*time.Second {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// compare demands that all that the relay said was said by a server, in that
// server's order for each account, and that all that a server said about an
// account of its own came through. What it says about one that has moved away,
// which is that it is deactivated there, a relay keeps to itself.
func (j *journal) compare() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	differ, kinds := 0, map[string]int{}
	complain := func(format string, args ...any) {
		if differ++; differ <= 20 {
			fmt.Printf("DIFFERS "+format+"\n", args...)
		}
	}
	behind := map[string]int{} // the index of the last match, by account and server
	for _, e := range j.relay {
		i := slices.IndexFunc(j.heard, func(h heard) bool {
			return !h.matched && h.did == e.did && h.kind == e.kind && (h.sum == e.sum || e.kind == "#identity" && h.bare == e.bare)
		})
		if i < 0 {
			complain("%s: the relay said %s, and no server", e.did, e)
			continue
		}
		j.heard[i].matched = true
		kinds[e.kind]++
		at := e.did + " " + j.heard[i].server
		if i < behind[at] {
			complain("%s: %s came in another order", e.did, e)
		}
		behind[at] = i
	}
	owner, quiet, moves := map[string]string{}, 0, 0
	for _, h := range j.heard {
		gone := h.kind == "#account" && !h.active && owner[h.did] != "" && owner[h.did] != h.server
		if !gone && owner[h.did] != h.server {
			if owner[h.did] != "" {
				moves++
			}
			owner[h.did] = h.server
		}
		switch {
		case h.matched:
		case gone:
			quiet++
		default:
			complain("%s: %s of %s did not come through", h.did, h.event, h.server)
		}
	}
	fmt.Printf("events: %d of the servers, %d of the relay (%d commits, %d sync, %d identity, %d account); %d moves; %d about accounts that had moved away\n",
		len(j.heard), len(j.relay), kinds["#commit"], kinds["#sync"], kinds["#identity"], kinds["#account"], moves, quiet)
	fmt.Printf("differences: %d\n", differ)
	return differ == 0 && len(j.relay) > 0
}

// several are the addresses of a comma-separated list.
func several(list string) []string { return strings.Split(list, ",") }
