package firehose

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"troupe/sequencing"
)

// cursed is a log whose history can be read so often without a panic.
type cursed struct {
	*history
	after int
}

func (c *cursed) Events(ctx context.Context, after sequencing.Seq, limit, maxBytes int) ([]sequencing.Event, error) {
	if c.after--; c.after < 0 {
		panic("injected")
	}
	return c.history.Events(ctx, after, limit, maxBytes)
}

// A panic of one connection, when it begins or while it streams, ends that
// connection. The others miss nothing, and the server stops as ever.
func TestAPanicEndsOneConnection(t *testing.T) {
	var cursors atomic.Int64
	past := events(0, 1000, 900)
	f := start(t, past, 64<<10, func(f *fixture) {
		subscribe := f.Subscribe
		f.Subscribe = func(cursor *sequencing.Seq) (*sequencing.Subscription, error) {
			if cursor == nil {
				return subscribe(cursor)
			}
			cursors.Add(1)
			switch *cursor {
			case 1:
				panic("injected")
			case 2: // begins well, and panics when it reads history
				return sequencing.Subscribe(&cursed{history: &f.log, after: 1}, f.ring, cursor, f.options)
			}
			return subscribe(cursor)
		}
	})
	live := f.dial(t, "")
	waitFor(t, f, 1)
	for _, query := range []string{"?cursor=1", "?cursor=2"} {
		if _, _, err := f.dial(t, query).Read(deadline(t)); err == nil {
			t.Errorf("%s: a connection that crashed says something", query)
		}
	}
	expect(t, live, f.publish(50, 300))
	expect(t, f.dial(t, "?cursor=990"), f.log.all()[990:])
	if cursors.Load() != 3 {
		t.Errorf("%d connections with a cursor", cursors.Load())
	}
}

// What runs beside a connection, on bytes that strangers sent, ends that
// connection when it panics, and not the process.
func TestPanicsBesideAConnection(t *testing.T) {
	f := start(t, nil, 0, nil)
	for name, beside := range map[string]func(*connection){
		"reading": func(c *connection) { c.drain() },
		"pinging": func(c *connection) { c.keepAlive() },
	} {
		t.Run(name, func(t *testing.T) {
			server := New(nil, f.Logger)
			server.pingEvery = time.Millisecond
			c := &connection{server: server} // without a socket: every use of it panics
			c.ctx, c.cancel = context.WithCancel(deadline(t))
			beside(c)
			eventually(t, "the connection ends", func() bool { return c.ctx.Err() == context.Canceled })
		})
	}
}
