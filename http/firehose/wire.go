package firehose

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	nethttp "net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// RFC 6455 §5.2: the first byte of an unfragmented frame.
const (
	final      = 0x80
	opBinary   = 0x2
	opClose    = 0x8
	opPing     = 0x9
	opPong     = 0xA
	maxControl = 125 // bytes of a control frame's payload (§5.5)
	maxHeader  = 10  // of a frame that is not masked
)

// writeSize is how many bytes one write takes from a batch of small frames.
const writeSize = 64 << 10

// errLost says that the peer does not take anything any more.
var errLost = errors.New("firehose: connection lost")

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, writeSize); return &b }}

// wire is the socket under a WebSocket connection. Batches of messages and
// single control frames enter it whole and leave it whole. All methods may be
// called at the same time, except Read.
type wire struct {
	net.Conn
	timeout time.Duration   // for one batch
	early   []byte          // what the peer sent behind its handshake; of Read
	heard   atomic.Bool     // something was received since the flag was cleared
	raw     syscall.RawConn // of the socket; nil if it cannot be had

	writing sync.Mutex // held while frames are written
	ended   bool       // a close frame was sent, or a frame in part: nothing may follow; under writing

	mu      sync.Mutex
	waiting [3][]byte // the newest close, ping and pong frame not yet written; under mu
	rest    []byte    // of what was tried; the next that is written, by send; under mu
}

// Read is the socket's, behind what came with the handshake.
func (w *wire) Read(p []byte) (int, error) {
	if len(w.early) > 0 {
		n := copy(p, w.early)
		w.early = w.early[n:]
		return n, nil
	}
	n, err := w.Conn.Read(p)
	if n > 0 {
		w.heard.Store(true)
	}
	return n, err
}

// Write takes one control frame. It does not wait for a batch: nil also means
// that the frame follows the batch being written.
func (w *wire) Write(frame []byte) (int, error) {
	if len(frame) < 2 || len(frame) > 2+maxControl || frame[0]&^3 != final|opClose || frame[0]&3 == 3 {
		return 0, errors.New("firehose: not a control frame")
	}
	w.mu.Lock()
	// A newer ping or pong takes the place of an older one (RFC 6455 §5.5.3).
	w.waiting[frame[0]&3] = append([]byte(nil), frame...)
	w.mu.Unlock()
	if err := w.flush(); err != nil {
		return 0, err
	}
	return len(frame), nil
}

// control sends a ping or pong.
func (w *wire) control(op byte, payload []byte) error {
	_, err := w.Write(append([]byte{final | op, byte(len(payload))}, payload...))
	return err
}

// send writes each frame as one binary message, behind what try has left. Within
// the time for a batch all of it is in the hands of the kernel, or the wire has
// ended (errLost). If ctx has ended before the first byte of the frames, none is
// written and its cause returned.
func (w *wire) send(ctx context.Context, frames ...[]byte) error {
	w.writing.Lock()
	err := w.batch(ctx, frames)
	w.writing.Unlock()
	// Even if ctx has ended: a close frame may have been left to us.
	if flushed := w.flush(); err == nil {
		err = flushed
	}
	return err
}

// batch runs under writing.
func (w *wire) batch(ctx context.Context, frames [][]byte) error {
	if err := w.arm(); err != nil {
		return err
	}
	// After the deadline was set: whoever ends ctx may shorten it from then on.
	if ctx.Err() != nil {
		_ = w.Conn.SetWriteDeadline(time.Now().Add(goodbye))
	}
	if err := w.putRest(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if len(frames) == 0 {
		return nil
	}
	pooled := buffers.Get().(*[]byte)
	defer buffers.Put(pooled)
	buf := (*pooled)[:0]
	for _, frame := range frames {
		if len(buf)+maxHeader > writeSize {
			if err := w.put(buf); err != nil {
				return err
			}
			buf = buf[:0]
		}
		buf = appendHeader(buf, len(frame))
		n := min(len(frame), writeSize-len(buf))
		buf = append(buf, frame[:n]...)
		if rest := frame[n:]; len(rest) > 0 {
			if err := w.put(buf); err != nil {
				return err
			}
			if buf = buf[:0]; len(rest) < writeSize {
				buf = append(buf, rest...)
			} else if err := w.put(rest); err != nil {
				return err
			}
		}
	}
	if len(buf) == 0 {
		return nil
	}
	return w.put(buf)
}

func appendHeader(b []byte, size int) []byte {
	b = append(b, final|opBinary)
	switch {
	case size <= maxControl:
		return append(b, byte(size))
	case size <= 0xFFFF:
		return binary.BigEndian.AppendUint16(append(b, 126), uint16(size))
	default:
		return binary.BigEndian.AppendUint64(append(b, 127), uint64(size))
	}
}

// waits reports that there are control frames to write; under mu.
func (w *wire) waits() bool {
	return w.waiting[0] != nil || w.waiting[1] != nil || w.waiting[2] != nil
}

// flush writes the control frames that wait, unless somebody is writing or has
// to write a rest: that one comes here next.
func (w *wire) flush() error {
	for {
		w.mu.Lock()
		idle := !w.waits() || len(w.rest) > 0
		w.mu.Unlock()
		if idle || !w.writing.TryLock() {
			return nil
		}
		err := w.controls()
		w.writing.Unlock()
		if err != nil {
			return err
		}
	}
}

// controls runs under writing. The close frame is the last of all.
func (w *wire) controls() error {
	w.mu.Lock()
	if len(w.rest) > 0 { // since flush looked
		w.mu.Unlock()
		return nil
	}
	waiting := w.waiting
	w.waiting = [3][]byte{}
	w.mu.Unlock()
	if err := w.arm(); err != nil {
		return err
	}
	var buf []byte
	for _, op := range [...]byte{opPong, opPing, opClose} {
		buf = append(buf, waiting[op&3]...)
	}
	if len(buf) == 0 {
		return nil
	}
	err := w.put(buf)
	w.ended = w.ended || waiting[opClose&3] != nil
	return err
}

// arm gives what is written next its time.
func (w *wire) arm() error {
	if w.ended {
		return fmt.Errorf("%w: %w", errLost, net.ErrClosed)
	}
	if err := w.Conn.SetWriteDeadline(time.Now().Add(w.timeout)); err != nil {
		return fmt.Errorf("%w: %w", errLost, err)
	}
	return nil
}

// put ends the wire when it fails: part of a frame may be on its way.
func (w *wire) put(b []byte) error {
	if _, err := w.Conn.Write(b); err != nil {
		w.ended = true
		return fmt.Errorf("%w: %w", errLost, err)
	}
	return nil
}

// hijacker hands out a wire in place of the connection of a request.
type hijacker struct {
	nethttp.ResponseWriter
	wire *wire
}

const readBuffer = 256 // a control frame, and more than any consumer has to say

// Hijack implements [nethttp.Hijacker].
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := nethttp.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	early, _ := rw.Reader.Peek(rw.Reader.Buffered())
	h.wire.Conn, h.wire.early = conn, append([]byte(nil), early...)
	// TLS does not offer this, rightly: what is written there would be plain.
	if c, ok := conn.(syscall.Conn); ok {
		h.wire.raw, _ = c.SyscallConn() // without it the connection has a goroutine that waits
	}
	// The writer holds one control frame: it is flushed after each.
	return h.wire, bufio.NewReadWriter(bufio.NewReaderSize(h.wire, readBuffer), bufio.NewWriterSize(h.wire, 2+maxControl+1)), nil
}
