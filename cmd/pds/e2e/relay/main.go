package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

var (
	pdsURL   = flag.String("pds", "http://localhost:2583", "the server")
	relayURL = flag.String("relay", "http://127.0.0.1:2470", "the relay that reads it")
	accounts = flag.Int("accounts", 64, "how many accounts write")
	duration = flag.Duration("for", 2*time.Minute, "how long they write")
	behind   = flag.Int("behind", 256, "events that the relay may lag before the load waits")
	moves    = flag.Bool("moves", false, "write nothing; watch several servers, -pds A,B, between which accounts move, until SIGUSR1")
	settle   = flag.Duration("settle", 30*time.Second, "how long the relay may say nothing before it counts as done")
)

func main() {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	compare := run
	if *moves {
		compare = func(ctx context.Context) (bool, error) { return watchMoves(ctx, several(*pdsURL), *relayURL) }
	}
	same, err := compare(ctx)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "relay:", err)
		os.Exit(2)
	case !same:
		os.Exit(1)
	}
}

func run(ctx context.Context) (same bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l := newLedger()
	for s, url := range map[side]string{ours: *pdsURL, theirs: *relayURL} {
		open := make(chan struct{})
		go func() { cancel(follow(ctx, url, func() { close(open) }, func(e event) { l.add(s, e) })) }()
		select {
		case <-open:
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
	load := &load{api: api{*pdsURL}, ledger: l}
	began := time.Now()
	if err := load.signUp(ctx, *accounts); err != nil {
		return false, err
	}
	fmt.Printf("%d accounts signed up in %.1f s\n", *accounts, time.Since(began).Seconds())
	began = time.Now()
	load.run(ctx, *duration)
	took := time.Since(began)
	if err := l.settle(ctx, *settle); err != nil {
		return false, err
	}
	load.print(took)
	return l.compare(took) && load.errors.Load() == 0, nil
}
