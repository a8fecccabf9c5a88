package firehose

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"troupe/sequencing"
)

// history is a log in memory; event n has the number n.
type history struct {
	sequencing.Log
	mu     sync.Mutex
	events []sequencing.Event
}

func (h *history) all() []sequencing.Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.events
}

func (h *history) Last() sequencing.Seq { return sequencing.Seq(len(h.all())) }

func (h *history) Earliest(_ context.Context, since time.Time) (sequencing.Seq, bool, error) {
	i := slices.IndexFunc(h.all(), func(e sequencing.Event) bool { return !e.Time.Before(since) })
	return sequencing.Seq(i + 1), i >= 0, nil
}

func (h *history) Events(_ context.Context, after sequencing.Seq, limit, maxBytes int) ([]sequencing.Event, error) {
	all, size := h.all(), 0
	rest := all[min(int(after), len(all)):]
	for i := range rest {
		if size += len(rest[i].Frame); i > 0 && (i == limit || size > maxBytes) {
			return rest[:i], nil
		}
	}
	return rest, nil
}

// events makes n events behind after, with frames of about size bytes, each of
// its own content and length.
func events(after, n, size int) []sequencing.Event {
	out := make([]sequencing.Event, n)
	for i := range out {
		seq := after + i + 1
		frame := bytes.Repeat([]byte{byte(seq)}, size+seq%17)
		binary.BigEndian.PutUint64(frame, uint64(seq))
		out[i] = sequencing.Event{Seq: sequencing.Seq(seq), Kind: sequencing.KindCommit, Visibility: sequencing.Public, Time: time.Now(), Frame: frame}
	}
	return out
}

// fixture is a server over a history and a ring.
type fixture struct {
	*Server
	http    *httptest.Server
	log     history
	ring    *sequencing.Ring
	options sequencing.SubscribeOptions

	subscribed atomic.Int64

	mu    sync.Mutex
	conns []net.Conn // the server's ends, in the order of dialling
}

// start serves past, of which the newest ringBytes are in memory.
func start(t testing.TB, past []sequencing.Event, ringBytes int, tune func(*fixture)) *fixture {
	t.Helper()
	f := &fixture{ring: sequencing.NewRing(ringBytes)}
	f.log.events = past
	f.ring.Publish(past)
	f.Server = New(func(cursor *sequencing.Seq) (*sequencing.Subscription, error) {
		defer f.subscribed.Add(1)
		return sequencing.Subscribe(&f.log, f.ring, cursor, f.options)
	}, slog.New(slog.DiscardHandler))
	if tune != nil {
		tune(f)
	}
	f.http = httptest.NewUnstartedServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		var p Params
		if c, err := strconv.ParseInt(r.URL.Query().Get("cursor"), 10, 64); err == nil {
			p.Cursor = &c
		}
		f.Serve(w, r, p)
	}))
	f.http.Config.ConnState = func(c net.Conn, state nethttp.ConnState) {
		if state == nethttp.StateNew {
			c.(*net.TCPConn).SetWriteBuffer(16 << 10) // a peer that does not read is noticed soon
			f.mu.Lock()
			f.conns = append(f.conns, c)
			f.mu.Unlock()
		}
	}
	f.http.Start()
	t.Cleanup(func() { f.Close(); f.http.Close() })
	return f
}

// publish sends n events of size bytes to who is connected.
func (f *fixture) publish(n, size int) []sequencing.Event {
	f.log.mu.Lock()
	out := events(len(f.log.events), n, size)
	f.log.events = append(f.log.events, out...)
	f.log.mu.Unlock()
	f.ring.Publish(out)
	return out
}

// closed reports whether the server closed the i-th connection.
func (f *fixture) closed(i int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Is(f.conns[i].SetReadDeadline(time.Time{}), net.ErrClosed)
}

func (f *fixture) dial(t testing.TB, query string) *websocket.Conn {
	t.Helper()
	conn, _, err := websocket.Dial(deadline(t), f.http.URL+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(-1)
	t.Cleanup(func() { conn.CloseNow() })
	return conn
}

// raw is a peer that does only what the test does.
func (f *fixture) raw(t testing.TB, query, behind string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(f.http.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.(*net.TCPConn).SetReadBuffer(16 << 10)
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n%s", query, behind)
	var head []byte
	for b := make([]byte, 1); !bytes.HasSuffix(head, []byte("\r\n\r\n")); head = append(head, b[0]) {
		if _, err := io.ReadFull(conn, b); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 101")) {
		t.Fatalf("answered %s", head)
	}
	return conn
}

// frame reads one whole frame and refuses what a server must not send.
func frame(r io.Reader) (op byte, payload []byte, err error) {
	var head [10]byte
	if _, err := io.ReadFull(r, head[:2]); err != nil {
		return 0, nil, err
	}
	if head[0]&0xF0 != 0x80 || head[1]&0x80 != 0 {
		return 0, nil, fmt.Errorf("header %x", head[:2])
	}
	size, extra := uint64(head[1]), 0
	switch size {
	case 126:
		extra = 2
	case 127:
		extra = 8
	}
	if extra > 0 {
		if _, err := io.ReadFull(r, head[10-extra:]); err != nil {
			return 0, nil, err
		}
		clear(head[2 : 10-extra])
		size = binary.BigEndian.Uint64(head[2:])
	}
	payload = make([]byte, size)
	_, err = io.ReadFull(r, payload)
	return head[0] & 15, payload, err
}

// masked is a frame as a client sends it, under the mask 0.
func masked(op byte, payload string) string {
	return string([]byte{0x80 | op, 0x80 | byte(len(payload)), 0, 0, 0, 0}) + payload
}

func deadline(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// expect reads exactly the events' frames.
func expect(t testing.TB, conn *websocket.Conn, want []sequencing.Event) {
	t.Helper()
	ctx := deadline(t)
	for _, ev := range want {
		typ, got, err := conn.Read(ctx)
		if err != nil {
			t.Fatalf("before event %d: %v", ev.Seq, err)
		}
		if typ != websocket.MessageBinary || !slices.Equal(got, ev.Frame) {
			t.Fatalf("event %d: got %v of %d bytes %.16x, want %d bytes %.16x", ev.Seq, typ, len(got), got, len(ev.Frame), ev.Frame)
		}
	}
}

// eventually waits for what another goroutine will do.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("did not happen: " + what)
		}
	}
}
