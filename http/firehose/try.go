package firehose

import (
	"fmt"
	"net"
	"syscall"
)

// attempt is a write that does not wait. It is made once and used for many wires.
type attempt struct {
	b   []byte
	n   int
	err error
	do  func(fd uintptr) // allocated once
}

func (a *attempt) prepare() {
	a.do = func(fd uintptr) { a.n, a.err = syscall.Write(int(fd), a.b) }
}

// try hands a.b, whole messages, to the kernel as far as it takes them now, and
// reports whether that is all there is to write. If not, send has to be called.
// The bytes may be kept until then. Nobody waits for the socket here: neither
// the descriptor, which is not asked when it is writable, nor for a lock that is
// held by somebody who does.
func (w *wire) try(a *attempt) (all bool, err error) {
	a.n, a.err = 0, nil
	if !w.writing.TryLock() {
		w.leave(a.b)
		return false, nil
	}
	err = w.write(a)
	w.writing.Unlock()
	// Now: until the lock was let go, control frames were left to us.
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.rest) == 0 && !w.waits(), err
}

// write runs under writing.
func (w *wire) write(a *attempt) error {
	if w.ended {
		return fmt.Errorf("%w: %w", errLost, net.ErrClosed)
	}
	err := w.raw.Control(a.do)
	if err == nil && a.err != syscall.EAGAIN && a.err != syscall.EINTR {
		err = a.err
	}
	if err != nil {
		w.ended = true
		return fmt.Errorf("%w: %w", errLost, err)
	}
	w.leave(a.b[max(a.n, 0):])
	return nil
}

// leave keeps what the next send has to begin with. No control frame comes in
// between, so it is called before writing is let go.
func (w *wire) leave(rest []byte) {
	w.mu.Lock()
	w.rest = rest
	w.mu.Unlock()
}

// putRest runs under writing.
func (w *wire) putRest() error {
	w.mu.Lock()
	rest := w.rest
	w.mu.Unlock()
	if len(rest) == 0 {
		return nil
	}
	if err := w.put(rest); err != nil {
		return err
	}
	w.leave(nil)
	return w.arm()
}
