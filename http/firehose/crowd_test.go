package firehose

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"troupe/sequencing"
)

// follow reads the events from after on and compares each byte; it calls pace
// behind each.
func follow(conn net.Conn, all []sequencing.Event, pace func(seq int)) error {
	conn.SetDeadline(time.Now().Add(time.Minute))
	for i, ev := range all {
		op, payload, err := frame(conn)
		if err != nil || op != opBinary || !bytes.Equal(payload, ev.Frame) {
			return fmt.Errorf("instead of event %d: opcode %d of %d bytes %.8x, %v", ev.Seq, op, len(payload), payload, err)
		}
		if pace != nil {
			pace(i)
		}
	}
	return nil
}

// A crowd of which some never read, some read slowly and some go away: whoever
// stays gets every event once and in order, while they are being written.
func TestCrowd(t *testing.T) {
	const readers, slow, leaving, stalled, count = 150, 20, 40, 20, 400
	f := start(t, nil, 64<<20, func(f *fixture) { f.writeTimeout = 3 * time.Second })
	all := events(0, count, 900)
	huge := all[count/2].Frame[:8:8]
	all[count/2].Frame = append(huge, make([]byte, 300_000)...) // more than a socket takes at once

	var done sync.WaitGroup
	errs := make(chan error, readers+slow+leaving)
	for i := range readers + slow + leaving {
		conn := f.raw(t, "", "")
		// Below the size of a segment on this network the peer would wait for timers.
		conn.(*net.TCPConn).SetReadBuffer(1 << 20)
		end, pace := all, (func(int))(nil)
		switch {
		case i >= readers+slow:
			end = all[:50+i]
		case i >= readers:
			pace = func(seq int) {
				if seq%100 == 99 {
					time.Sleep(20 * time.Millisecond)
				}
			}
		}
		done.Go(func() {
			if err := follow(conn, end, pace); err != nil {
				errs <- fmt.Errorf("subscriber %d: %w", i, err)
			}
			if i >= readers+slow {
				conn.Close()
			}
		})
	}
	first := readers + slow + leaving
	for range stalled {
		f.raw(t, "", "")
	}
	waitFor(t, f, int64(first+stalled))

	f.log.mu.Lock()
	f.log.events = all
	f.log.mu.Unlock()
	for i := 0; i < count; i += 10 {
		f.ring.Publish(all[i : i+10])
		time.Sleep(time.Millisecond)
	}
	done.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	for i := first; i < first+stalled; i++ {
		eventually(t, "a stalled subscriber is cut off", func() bool { return f.closed(i) })
	}
	for i := range readers + slow {
		if f.closed(i) {
			t.Errorf("subscriber %d, who reads, was cut off", i)
		}
	}
	for i := readers + slow; i < first; i++ {
		eventually(t, "who left is forgotten", func() bool { return f.closed(i) })
	}
}

// Who stops and goes on when it is too late gets what is on its way, and then is
// told; nothing is left out in between.
func TestTooSlowInACrowd(t *testing.T) {
	f := start(t, nil, 256<<10, nil)
	late, reader := f.raw(t, "", ""), f.dial(t, "")
	waitFor(t, f, 2)
	var all []sequencing.Event
	for len(all) < 2_000 {
		sent := f.publish(200, 1000)
		expect(t, reader, sent)
		all = append(all, sent...)
	}
	for i := 0; ; i++ {
		_, got, err := frame(late)
		if err != nil {
			t.Fatalf("behind event %d: %v", i, err)
		}
		if bytes.Equal(got, all[i].Frame) {
			continue
		}
		if want := sequencing.ErrorFrame("ConsumerTooSlow", "Stream consumer too slow"); !bytes.Equal(got, want) {
			t.Fatalf("behind event %d: %.40q", i, got)
		}
		break
	}
	if op, payload, err := frame(late); err != nil || op != opClose || !bytes.Equal(payload, []byte("\x03\xf0ConsumerTooSlow")) {
		t.Fatalf("then opcode %d %q, %v", op, payload, err)
	}
}

// Subscribers that do not read keep at most a batch each from being freed.
func TestStalledSubscribersKeepLittle(t *testing.T) {
	const stalled, size, count, ring = 60, 50_000, 2000, 1 << 20
	f := start(t, nil, ring, func(f *fixture) { f.options.BatchSize = 100_000 })
	for range stalled {
		f.raw(t, "", "")
	}
	waitFor(t, f, stalled)
	before := retained()
	for seq := 0; seq < count; seq += 2 {
		f.ring.Publish(events(seq, 2, size))
		if seq%20 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	grown := retained() - before
	// A batch, the rest of one, and the buffer from which it is written.
	if most := int64(2*ring + stalled*(2*100_000+writeSize)); grown > most {
		t.Errorf("%d bytes are kept after %d were published, more than %d", grown, count*size, most)
	}
	runtime.KeepAlive(f)
}

func retained() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A control frame that comes while part of a message is out follows that
// message, and the rest is not lost when the connection ends.
func TestRestGoesFirst(t *testing.T) {
	for name, end := range map[string]bool{"the stream goes on": false, "the server ends": true} {
		t.Run(name, func(t *testing.T) {
			f := start(t, nil, 64<<20, nil)
			conn := f.raw(t, "", "")
			waitFor(t, f, 1)
			sent := f.publish(3, 2_000_000)
			begun := make([]byte, 1000)
			if _, err := io.ReadFull(conn, begun); err != nil {
				t.Fatal(err)
			}
			conn.Write([]byte(masked(opPing, "in between")))
			time.Sleep(20 * time.Millisecond)
			if end {
				go f.Close()
				time.Sleep(20 * time.Millisecond)
			}
			stream := io.MultiReader(bytes.NewReader(begun), conn)
			var ops []byte
			for i := 0; i < len(sent) || !bytes.Contains(ops, []byte{opPong}); {
				op, payload, err := frame(stream)
				if err != nil {
					t.Fatalf("behind %d messages and %v: %v", i, ops, err)
				}
				ops = append(ops, op)
				if op == opBinary {
					if !bytes.Equal(payload, sent[i].Frame) {
						t.Fatalf("message %d: %d bytes %.8x", i, len(payload), payload)
					}
					i++
				}
				if op == opClose {
					break
				}
			}
			if ops[0] != opBinary || end != bytes.Contains(ops, []byte{opClose}) {
				t.Fatalf("frames of kinds %v", ops)
			}
		})
	}
}
