package crashtest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/cmd/pds/audit"
)

const (
	queueFrames = 30_000 // taken from the socket and not yet verified
	queueLong   = 1_000  // from here on the writers wait
)

// follower reads the firehose over all restarts, each time after the number
// that it saw last.
type follower struct {
	auditor     *audit.Auditor // owned by the verifier's goroutine
	numbers     []int64        // of the newest events; likewise
	queue       chan item
	cancel      context.CancelFunc
	wg          sync.WaitGroup
	connections atomic.Int64
	seen        sync.Map // DID → newest rev verified
}

// item is one of: a frame, the cursor of a new connection, something to do.
type item struct {
	frame  []byte
	cursor int64
	job    func(*audit.Auditor)
}

func follow(ctx context.Context, s *server) *follower {
	ctx, cancel := context.WithCancel(ctx)
	f := &follower{
		auditor: audit.New(audit.Options{URL: s.url, Keys: audit.NewDirectory(s.plc), Complete: true}),
		queue:   make(chan item, queueFrames), cancel: cancel,
	}
	verified := make(chan struct{})
	f.wg.Go(func() {
		defer close(verified)
		for i := range f.queue {
			f.verify(i)
		}
	})
	f.wg.Go(func() {
		defer func() { close(f.queue); <-verified }()
		f.read(ctx)
	})
	return f
}

func (f *follower) verify(i item) {
	switch {
	case i.job != nil:
		i.job(f.auditor)
	case i.frame == nil:
		f.auditor.Connected(i.cursor)
	default:
		// An error frame ends the connection; the reader then comes back.
		e, _, err := f.auditor.Event(context.Background(), i.frame)
		if err != nil {
			return
		}
		if f.numbers = append(f.numbers, e.Seq); len(f.numbers) > 4*tailEvents {
			f.numbers = append(f.numbers[:0], f.numbers[3*tailEvents:]...)
		}
		if e.Rev != "" {
			f.seen.Store(e.DID, e.Rev)
		}
	}
}

// before is the number before the n newest events, for a job to begin at.
func (f *follower) before(n int) int64 {
	if len(f.numbers) <= n {
		return 0
	}
	return f.numbers[len(f.numbers)-n-1]
}

// read connects again and again. The cursor is what has been verified, so it
// waits for the queue first: the server is gone meanwhile anyway.
func (f *follower) read(ctx context.Context) {
	for ctx.Err() == nil {
		var cursor int64
		done := make(chan struct{})
		f.queue <- item{job: func(a *audit.Auditor) { cursor = a.Last(); close(done) }}
		<-done
		first := true
		_ = f.auditor.Frames(ctx, &cursor, func(frame []byte) error {
			if first {
				first = false
				f.connections.Add(1)
				f.queue <- item{cursor: cursor}
			}
			f.queue <- item{frame: frame}
			return nil
		})
		time.Sleep(5 * time.Millisecond)
	}
}

// behind says whether verification lags.
func (f *follower) behind() bool { return len(f.queue) > queueLong }

// do runs a job with the auditor, behind everything that was read before.
func (f *follower) do(job func(*audit.Auditor)) {
	done := make(chan struct{})
	f.queue <- item{job: func(a *audit.Auditor) { job(a); close(done) }}
	<-done
}

// catchUp waits until everything that the accounts have become is verified.
func (f *follower) catchUp(ctx context.Context, c client, dids []syntax.DID) error {
	end := time.Now().Add(2 * time.Minute)
	for _, did := range dids {
		h, err := c.head(ctx, did)
		if err != nil {
			return fmt.Errorf("getLatestCommit of %s: %w", did, err)
		}
		for ; ; time.Sleep(5 * time.Millisecond) {
			if rev, ok := f.seen.Load(did); ok && rev.(syntax.TID) >= h.Rev {
				break
			}
			if time.Now().After(end) {
				return fmt.Errorf("rev %s of %s does not appear on the firehose", h.Rev, did)
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	return nil
}

// stop ends the connection and verifies the rest.
func (f *follower) stop() { f.cancel(); f.wg.Wait() }
