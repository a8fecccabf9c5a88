package firehose

import (
	"context"
	"errors"
	"io"
	"runtime/debug"
	"time"

	"github.com/coder/websocket"

	"troupe/sequencing"
)

// connection is one subscriber. While it is behind, or has something to be told,
// it has a goroutine of its own, which may wait for the socket; once it has
// caught up, its sender serves it. It belongs to one of the two, who hands it to
// the other whole.
type connection struct {
	server *Server
	sender *sender
	conn   *websocket.Conn
	wire   wire

	ctx    context.Context // ends with the server, or when the peer has closed
	cancel context.CancelFunc
	sub    *sequencing.Subscription
	undo   []func() bool
	closed bool
}

// start greets the subscriber and then streams to it.
func (c *connection) start(from *sequencing.Seq) {
	defer c.recover()
	subscribers.Inc()
	c.ctx, c.cancel = context.WithCancel(c.server.running)
	c.conn.SetReadLimit(readLimit)
	go c.drain()
	c.undo = append(c.undo, context.AfterFunc(c.ctx, func() {
		_ = c.wire.SetWriteDeadline(time.Now().Add(goodbye))
		c.sender.dismiss()
	}))
	sub, err := c.server.Subscribe(from)
	if err != nil {
		c.end(err)
		return
	}
	c.sub = sub
	c.undo = append(c.undo, c.keepAlive())
	if info := sub.Info(); info != nil {
		if err := c.wire.send(c.ctx, info); err != nil {
			c.end(err)
			return
		}
	}
	c.run()
}

// run is the goroutine of a connection that is behind.
func (c *connection) run() {
	defer c.recover()
	if err := c.catchUp(); err != nil {
		c.end(err)
		return
	}
	c.sender.add(c)
}

// catchUp sends until nothing is left to send, or something is in the way.
func (c *connection) catchUp() error {
	if err := c.wire.send(c.ctx); err != nil { // what the sender left
		return err
	}
	for c.wire.raw == nil || !c.sub.CaughtUp() { // without a raw socket there is no sender for it
		frames, err := c.sub.Next(c.ctx)
		if err != nil {
			return err
		}
		if err := c.wire.send(c.ctx, frames...); err != nil {
			return err
		}
	}
	return nil
}

// drain reads until the peer closes, drops what it reads, and answers control
// frames on the way. Then it ends the connection.
func (c *connection) drain() {
	defer c.cancel()
	defer c.contain()
	for {
		_, message, err := c.conn.Reader(context.Background()) // until the socket is closed
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, message); err != nil {
			return
		}
	}
}

// keepAlive pings, and closes the socket of a peer that is silent all the same:
// a dead one may leave room for many batches before a write fails. A slow peer
// answers behind all that is on its way to it, so it is given maxUnheard pings;
// a live subscriber that takes longer is too slow anyway. No goroutine waits for
// the answer. The returned function stops it.
func (c *connection) keepAlive() (stop func() bool) {
	var timer *time.Timer
	unheard := 0
	w := &c.wire
	w.heard.Store(true)
	timer = time.AfterFunc(time.Hour, func() { // not before it is set below
		defer c.contain()
		unheard++
		if w.heard.Swap(false) {
			unheard = 0
		}
		if unheard == maxUnheard {
			_ = w.Conn.Close() // which drain notices
			return
		}
		if w.control(opPing, nil) == nil && c.ctx.Err() == nil {
			timer.Reset(c.server.pingEvery)
		}
	})
	timer.Reset(c.server.pingEvery)
	return timer.Stop
}

// finish is the goroutine of a connection that its sender has given up.
func (c *connection) finish(cause error) {
	defer c.recover()
	c.end(cause)
}

// end tells the consumer why, if there is something to tell, and closes.
func (c *connection) end(cause error) {
	defer c.close()
	name, message := "", ""
	switch {
	case errors.Is(cause, sequencing.ErrFutureCursor):
		name, message = "FutureCursor", "Cursor in the future."
	case errors.Is(cause, sequencing.ErrTooSlow):
		name, message = "ConsumerTooSlow", "Stream consumer too slow"
	}
	if name != "" {
		if cause = c.wire.send(c.ctx, sequencing.ErrorFrame(name, message)); cause == nil {
			c.conn.Close(websocket.StatusPolicyViolation, name)
			return
		}
	}
	switch {
	case errors.Is(cause, errLost):
		c.server.Logger.Debug("firehose consumer lost", "err", cause)
	case c.ctx.Err() != nil, errors.Is(cause, sequencing.ErrClosed):
		c.conn.Close(websocket.StatusNormalClosure, "")
	default:
		c.server.Logger.Warn("firehose connection ended", "err", cause)
	}
}

// close gives back what the connection held, once.
func (c *connection) close() {
	if c.closed {
		return
	}
	c.closed = true
	for _, undo := range c.undo {
		undo()
	}
	c.cancel()
	if c.sub != nil {
		c.sub.Close()
	}
	c.conn.CloseNow()
	subscribers.Dec()
	c.server.conns.Done()
}

// recover ends a connection that crashed, and no other, as in a request. It does
// not wait for that: the sender may be its caller.
func (c *connection) recover() {
	if v := recover(); v != nil {
		c.server.Logger.Error("firehose connection crashed", "panic", v, "stack", string(debug.Stack()))
		go c.close()
	}
}

// contain is recover for what runs beside the goroutine that owns the
// connection: that one is left to close it.
func (c *connection) contain() {
	if v := recover(); v != nil {
		c.server.Logger.Error("firehose connection crashed", "panic", v, "stack", string(debug.Stack()))
		c.cancel()
	}
}
