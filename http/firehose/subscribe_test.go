package firehose

import (
	"bytes"
	"context"
	"net"
	nethttp "net/http"
	"runtime"
	"testing"
	"time"

	"github.com/coder/websocket"

	"troupe/sequencing"
)

func TestEveryEventOnceInOrder(t *testing.T) {
	past := events(0, 10_000, 700)
	// Sizes at which the form of the header or of the write changes.
	for i, size := range []int{8, 125, 126, 65535, 65536, writeSize - maxHeader, writeSize - 3, writeSize, 3*writeSize + 1, 2_000_000} {
		for _, at := range []int{20 + 3*i, 9000 + i} {
			past[at].Frame = append(past[at].Frame[:8:8], bytes.Repeat([]byte{byte(i)}, size-8)...)
		}
	}
	f := start(t, past, 24<<20, nil)
	conn := f.dial(t, "?cursor=0")
	expect(t, conn, past[:100])
	go f.publish(2000, 300)
	expect(t, conn, past[100:])
	expect(t, conn, events(len(past), 2000, 300))
	rest := f.dial(t, "?cursor=11990")
	expect(t, rest, f.log.all()[11990:])
}

func TestHistoryBehindTheRing(t *testing.T) {
	past := events(0, 3000, 900)
	f := start(t, past, 200<<10, nil)
	expect(t, f.dial(t, "?cursor=7"), past[7:])
}

func TestOutdatedCursorIsTold(t *testing.T) {
	past := events(0, 10, 50)
	for i := range past[:5] {
		past[i].Time = time.Now().Add(-25 * time.Hour)
	}
	f := start(t, past, 200, nil)
	conn := f.dial(t, "?cursor=0")
	want := sequencing.InfoFrame("OutdatedCursor", "Requested cursor exceeded limit. Possibly missing events")
	if _, got, err := conn.Read(deadline(t)); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("first message %q, %v", got, err)
	}
	expect(t, conn, past[5:])
}

func TestPeerThatNeverReadsIsCutOff(t *testing.T) {
	f := start(t, nil, 64<<20, func(f *fixture) { f.writeTimeout = 400 * time.Millisecond })
	f.raw(t, "", "")
	reader := f.dial(t, "")
	waitFor(t, f, 2)
	for i := 0; i < 20; i++ {
		expect(t, reader, f.publish(100, 5000)) // while the other one is stuck
	}
	eventually(t, "the stalled peer is closed", func() bool { return f.closed(0) })
	expect(t, reader, f.publish(100, 5000))
	if f.closed(1) {
		t.Fatal("the reader was closed too")
	}
}

func TestPingsAreAnswered(t *testing.T) {
	f := start(t, events(0, 3000, 2000), 64<<20, nil)
	// One ping comes with the handshake, others while a batch is stuck.
	conn := f.raw(t, "?cursor=0", masked(opPing, "early"))
	time.Sleep(50 * time.Millisecond)
	for _, ping := range []string{"a", "b", "newest"} {
		conn.Write([]byte(masked(opPing, ping)))
	}
	time.Sleep(50 * time.Millisecond)
	var pongs []string
	for seq := 0; seq < 3000 || pongs[len(pongs)-1] != "newest"; {
		op, payload, err := frame(conn)
		switch {
		case err != nil:
			t.Fatalf("behind event %d: %v", seq, err)
		case op == opPong:
			pongs = append(pongs, string(payload))
		case op != opBinary || !bytes.Equal(payload, f.log.events[seq].Frame):
			t.Fatalf("behind event %d: opcode %d of %d bytes", seq, op, len(payload))
		default:
			seq++
		}
	}
	if pongs[0] != "early" && pongs[0] != "newest" {
		t.Fatalf("pongs %q", pongs)
	}
}

func TestSilentPeerIsReaped(t *testing.T) {
	f := start(t, nil, 1<<20, func(f *fixture) { f.pingEvery = 100 * time.Millisecond })
	silent := f.raw(t, "", "")
	alive := f.dial(t, "").CloseRead(deadline(t)) // answers pings
	if op, _, err := frame(silent); err != nil || op != opPing {
		t.Fatalf("opcode %d, %v instead of a ping", op, err)
	}
	eventually(t, "the silent peer is closed", func() bool { return f.closed(0) })
	time.Sleep(300 * time.Millisecond)
	if alive.Err() != nil || f.closed(1) {
		t.Fatal("a peer that answers was closed")
	}
}

func TestShutdownSaysGoodbye(t *testing.T) {
	f := start(t, events(0, 5000, 2000), 64<<20, nil)
	idle, busy, stuck := f.dial(t, ""), f.dial(t, "?cursor=0"), f.raw(t, "?cursor=0", "")
	expect(t, busy, f.log.all()[:10])
	closed := make(chan struct{})
	go func() { f.Close(); close(closed) }()
	for name, conn := range map[string]*websocket.Conn{"idle": idle, "busy": busy} {
		for seq := 10; ; seq++ {
			_, got, err := conn.Read(deadline(t))
			if err == nil && name == "busy" && bytes.Equal(got, f.log.all()[seq].Frame) {
				continue
			}
			if websocket.CloseStatus(err) != websocket.StatusNormalClosure {
				t.Errorf("%s: %v", name, err)
			}
			break
		}
	}
	select {
	case <-closed:
	case <-time.After(15 * time.Second):
		t.Fatal("a peer that does not read holds up the end")
	}
	stuck.Close()
	resp, err := nethttp.Get(f.http.URL)
	if err != nil || resp.StatusCode != nethttp.StatusServiceUnavailable {
		t.Fatalf("after Close: %v, %v", resp, err)
	}
}

func TestErrorFrames(t *testing.T) {
	for _, c := range []struct {
		name, query, message string
		tune                 func(*fixture)
		cause                func(*fixture)
	}{
		{"FutureCursor", "?cursor=99", "Cursor in the future.", nil, func(*fixture) {}},
		{"ConsumerTooSlow", "", "Stream consumer too slow", func(f *fixture) { f.options.MaxBehind = 1000 }, func(f *fixture) { f.publish(10, 500) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := start(t, nil, 1<<20, c.tune)
			conn := f.dial(t, c.query)
			if c.query == "" {
				waitFor(t, f, 1)
			}
			c.cause(f)
			if _, got, err := conn.Read(deadline(t)); err != nil || !bytes.Equal(got, sequencing.ErrorFrame(c.name, c.message)) {
				t.Fatalf("read %q, %v", got, err)
			}
			_, _, err := conn.Read(deadline(t))
			if websocket.CloseStatus(err) != websocket.StatusPolicyViolation || !bytes.Contains([]byte(err.Error()), []byte(c.name)) {
				t.Fatalf("then %v", err)
			}
		})
	}
}

func TestWhatClientsSend(t *testing.T) {
	f := start(t, nil, 1<<20, nil)
	conn := f.dial(t, "")
	for _, size := range []int{0, 1, 5000, readLimit} {
		if err := conn.Write(deadline(t), websocket.MessageText, make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, f, 1)
	expect(t, conn, f.publish(3, 100))
	conn.Write(deadline(t), websocket.MessageBinary, make([]byte, readLimit+2))
	if _, _, err := conn.Read(deadline(t)); websocket.CloseStatus(err) != websocket.StatusMessageTooBig {
		t.Fatalf("a message above the limit: %v", err)
	}
}

func TestPeerThatCloses(t *testing.T) {
	f := start(t, nil, 1<<20, nil)
	conn := f.raw(t, "", masked(opClose, "\x03\xe8"))
	op, payload, err := frame(conn)
	if err != nil || op != opClose || string(payload) != "\x03\xe8" {
		t.Fatalf("opcode %d %q, %v", op, payload, err)
	}
	eventually(t, "the connection is closed", func() bool { return f.closed(0) })
}

func TestNothingFollowsAClose(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	w := &wire{Conn: ours, timeout: time.Second}
	go w.control(opClose, nil)
	if op, _, err := frame(theirs); err != nil || op != opClose {
		t.Fatalf("opcode %d, %v", op, err)
	}
	if err := w.send(context.Background(), []byte("x")); err == nil {
		t.Fatal("a message was sent behind the close frame")
	}
	if _, err := w.Write([]byte{final | opBinary, 0}); err == nil {
		t.Fatal("a message passed as a control frame")
	}
}

// Whoever holds the wire is left the control frames that come meanwhile, and
// writes them even if there is no reason to write anything else any more.
func TestControlFrameThatIsLeftToTheHolder(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	w := &wire{Conn: ours, timeout: time.Second}
	w.writing.Lock()
	if err := w.control(opClose, nil); err != nil {
		t.Fatal(err)
	}
	w.writing.Unlock()
	ended, end := context.WithCancel(t.Context())
	end()
	go w.send(ended, []byte("x"))
	theirs.SetDeadline(time.Now().Add(5 * time.Second))
	if op, _, err := frame(theirs); err != nil || op != opClose {
		t.Fatalf("opcode %d, %v", op, err)
	}
}

// Between the parts of a message nothing is written, whoever asks.
func TestNothingComesBeforeTheRest(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	theirs.SetDeadline(time.Now().Add(5 * time.Second))
	w := &wire{Conn: ours, timeout: time.Second}
	message := append(appendHeader(nil, 200), make([]byte, 200)...)
	w.leave(message)
	if err := w.control(opPing, nil); err != nil { // with nobody to take it, this would be an error
		t.Fatal(err)
	}
	go w.send(t.Context())
	for _, want := range []byte{opBinary, opPing} {
		if op, _, err := frame(theirs); err != nil || op != want {
			t.Fatalf("opcode %d instead of %d, %v", op, want, err)
		}
	}
}

// waitFor waits until n connections hold a subscription.
func waitFor(t *testing.T, f *fixture, n int64) {
	t.Helper()
	eventually(t, "all have subscribed", func() bool { return f.subscribed.Load() == n })
}

// BenchmarkIdle reports the memory of a connection with nothing to send.
func BenchmarkIdle(b *testing.B) {
	f := start(b, nil, 1<<20, nil)
	memory := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	const n = 400
	before := memory()
	for range n {
		f.raw(b, "", "")
	}
	for f.subscribed.Load() < n {
		time.Sleep(time.Millisecond)
	}
	after := memory()
	for b.Loop() {
	}
	b.ReportMetric(float64(after-before)/n, "B/conn")
}
