package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// herd are subscribers that cost next to nothing here: their sockets are not
// watched, a few are emptied every moment, and the kernel drops what they hold
// instead of copying it. The generator and the server share the cores, and a
// thousand readers woken by each event would be what delays the writes.
type herd struct {
	conns []*os.File
	bytes atomic.Int64
	gone  atomic.Int64 // that the server ended
	stop  chan struct{}
	ended chan struct{}
}

const (
	herdBuffer = 1 << 20              // what a socket holds until its turn comes
	herdEvery  = 5 * time.Millisecond // a part is emptied,
	herdParts  = 50                   // so each four times a second
)

// gather connects n subscribers, which are read until close.
func gather(ctx context.Context, to endpoint, n int) (*herd, error) {
	h := &herd{conns: make([]*os.File, n), stop: make(chan struct{}), ended: make(chan struct{})}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for i := range h.conns {
		g.Go(func() (err error) {
			h.conns[i], err = quietSubscriber(ctx, to)
			return err
		})
	}
	err := g.Wait()
	go h.run()
	if err != nil {
		h.close()
	}
	return h, err
}

// quietSubscriber is a socket that is subscribed, and that the runtime does not watch.
func quietSubscriber(ctx context.Context, to endpoint) (*os.File, error) {
	if to.tls {
		return nil, errors.New("a crowd is only counted without TLS")
	}
	d := net.Dialer{Timeout: 10 * time.Second, Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, herdBuffer)
		})
	}}
	nc, err := d.DialContext(ctx, "tcp", to.address)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(30 * time.Second))
	fmt.Fprintf(nc, "GET /xrpc/com.atproto.sync.subscribeRepos HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", to.host)
	answer, err := http.ReadResponse(bufio.NewReaderSize(nc, 4096), nil)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		return nil, errors.New(answer.Status)
	}
	return nc.(*net.TCPConn).File()
}

func (h *herd) run() {
	defer close(h.ended)
	tick := time.NewTicker(herdEvery)
	defer tick.Stop()
	scratch := make([]byte, herdBuffer)
	for part := 0; ; part = (part + 1) % herdParts {
		select {
		case <-h.stop:
			return
		case <-tick.C:
		}
		for i := part; i < len(h.conns); i += herdParts {
			if h.conns[i] == nil {
				continue
			}
			// MSG_TRUNC drops the bytes of a stream where they are (tcp(7)).
			n, _, err := syscall.Recvfrom(int(h.conns[i].Fd()), scratch, syscall.MSG_DONTWAIT|syscall.MSG_TRUNC)
			switch {
			case n > 0:
				h.bytes.Add(int64(n))
			case err != syscall.EAGAIN && err != syscall.EINTR:
				h.gone.Add(1)
				h.conns[i].Close()
				h.conns[i] = nil
			}
		}
	}
}

// settle waits until nothing has come for two rounds.
func (h *herd) settle(ctx context.Context) error {
	for last := int64(-1); last != h.bytes.Load(); {
		last = h.bytes.Load()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * herdParts * herdEvery):
		}
	}
	return nil
}

func (h *herd) close() {
	close(h.stop)
	<-h.ended
	for _, c := range h.conns {
		if c != nil {
			c.Close()
		}
	}
}

// herd adds what n quiet subscribers have got to the deliveries, by comparing
// their bytes with those of one that counted the same events.
func (t *tally) herd(got, events, bytes int64, n, gone int) {
	if events == 0 {
		return
	}
	// A header of four bytes stands before messages of 126 bytes to 64 kB.
	each := bytes + 4*events
	size := float64(each) / float64(events)
	t.delivered += int(float64(got)/size + 0.5)
	t.lost += max(0, int(float64(each*int64(n)-got)/size+0.5))
	for range gone {
		t.failed(errors.New("subscriber: ended by the server"))
	}
}
