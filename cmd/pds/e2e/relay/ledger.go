package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// side is whose firehose something was seen on.
type side int

const (
	ours   side = iota // the server's
	theirs             // the relay's
)

// ledger is what both firehoses have said, by account.
type ledger struct {
	mu     sync.Mutex // two readers, and the writers that look how far they are
	events [2]map[string][]event
	count  [2]int
	last   [2]time.Time
	seen   map[[32]byte]time.Time // on ours, and not on theirs yet
	lags   []time.Duration
	most   int // events that the relay was behind at most
}

func newLedger() *ledger {
	return &ledger{events: [2]map[string][]event{{}, {}}, seen: map[[32]byte]time.Time{}}
}

func (l *ledger) add(s side, e event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.events[s][e.did] = append(l.events[s][e.did], e)
	l.count[s]++
	l.last[s] = now
	l.most = max(l.most, l.count[ours]-l.count[theirs])
	if s == ours {
		l.seen[e.sum] = now
	} else if at, ok := l.seen[e.sum]; ok {
		l.lags = append(l.lags, now.Sub(at))
		delete(l.seen, e.sum)
	}
}

// behind is how many events the relay has still to pass on.
func (l *ledger) behind() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count[ours] - l.count[theirs]
}

// settle waits until both have said as much, or the relay says nothing more.
func (l *ledger) settle(ctx context.Context, patience time.Duration) error {
	for quiet := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		l.mu.Lock()
		last := slices.MaxFunc([]time.Time{quiet, l.last[ours], l.last[theirs]}, time.Time.Compare)
		even := l.count[ours] == l.count[theirs]
		l.mu.Unlock()
		if idle := time.Since(last); idle > patience || even && idle > 2*time.Second {
			return nil
		}
	}
}

// compare prints the comparison and says whether the relay passed everything on.
func (l *ledger) compare(took time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	kinds := map[string]int{}
	differ, handles, ops := 0, 0, 0
	for did, all := range l.events[ours] {
		got := l.events[theirs][did]
		for i, e := range all {
			kinds[e.kind]++
			ops += e.ops
			switch {
			case i >= len(got):
			case got[i].sum == e.sum:
			case e.kind == "#identity" && got[i].bare == e.bare:
				handles++
			default:
				if differ++; differ <= 10 {
					fmt.Printf("DIFFERS %s: ours %s, the relay's %s\n", did, e, got[i])
				}
			}
		}
		if len(got) != len(all) {
			if differ += max(len(all), len(got)) - min(len(all), len(got)); differ < 20 {
				fmt.Printf("DIFFERS %s: %d events here, %d on the relay\n", did, len(all), len(got))
			}
		}
	}
	for did, got := range l.events[theirs] {
		if len(l.events[ours][did]) == 0 {
			differ += len(got)
			fmt.Printf("DIFFERS %s: %d events on the relay, none here\n", did, len(got))
		}
	}
	fmt.Printf("events: %d on the server's firehose, %d on the relay's; %d commits with %d operations, %d sync, %d identity, %d account\n",
		l.count[ours], l.count[theirs], kinds["#commit"], ops, kinds["#sync"], kinds["#identity"], kinds["#account"])
	slices.Sort(l.lags)
	if n := len(l.lags); n > 0 {
		fmt.Printf("%.0f events/s; through the relay in p50 %v, p99 %v; at most %d behind\n",
			float64(l.count[ours])/took.Seconds(), l.lags[n/2].Round(time.Millisecond/10), l.lags[n*99/100].Round(time.Millisecond/10), l.most)
	}
	fmt.Printf("differences: %d (of %d #identity the relay took the handle away, which it cannot resolve)\n", differ, handles)
	return differ == 0 && l.count[ours] > 0
}
