package firehose

import (
	"context"
	"errors"
	"io"
	"log/slog"
	nethttp "net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"troupe/sequencing"
)

const (
	writeTimeout = 30 * time.Second // for a batch to be taken by the peer's side
	pingEvery    = 30 * time.Second
	maxUnheard   = 2               // pings without a sign of life
	goodbye      = 2 * time.Second // for a write under way when the connection is ended
	readLimit    = 64 << 10        // bytes of a message from a client, which is not looked at
)

var subscribers = promauto.NewGauge(prometheus.GaugeOpts{
	Name: "troupe_firehose_connections", Help: "Open subscribeRepos connections.",
})

// Params holds the parameter of com.atproto.sync.subscribeRepos.
type Params struct {
	Cursor *int64 `query:"cursor"`
}

// Server streams the log to whoever connects.
type Server struct {
	Subscribe func(cursor *sequencing.Seq) (*sequencing.Subscription, error)
	Logger    *slog.Logger

	writeTimeout, pingEvery time.Duration

	running context.Context // of every connection; ended by stop
	stop    context.CancelFunc
	door    sync.Mutex // no connection is counted in behind Close's back
	conns   sync.WaitGroup
}

// New makes a server; Close ends its connections.
func New(subscribe func(*sequencing.Seq) (*sequencing.Subscription, error), logger *slog.Logger) *Server {
	s := &Server{Subscribe: subscribe, Logger: logger, writeTimeout: writeTimeout, pingEvery: pingEvery}
	s.running, s.stop = context.WithCancel(context.Background())
	return s
}

// Close says goodbye to every subscriber and waits until they are gone, which
// takes a peer that does not answer some seconds. Later ones are refused.
func (s *Server) Close() {
	s.door.Lock()
	s.stop()
	s.door.Unlock()
	s.conns.Wait()
}

func (s *Server) enter() bool {
	s.door.Lock()
	defer s.door.Unlock()
	if s.running.Err() != nil {
		return false
	}
	s.conns.Add(1)
	return true
}

// Serve upgrades one request. The connection outlives it: what the request took
// of memory, and the depth of its stack, are not kept for it.
func (s *Server) Serve(rw nethttp.ResponseWriter, r *nethttp.Request, p Params) {
	if !s.enter() {
		nethttp.Error(rw, nethttp.StatusText(nethttp.StatusServiceUnavailable), nethttp.StatusServiceUnavailable)
		return
	}
	w := &wire{timeout: s.writeTimeout}
	conn, err := websocket.Accept(&hijacker{rw, w}, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // any web page may read what is public
		CompressionMode:    websocket.CompressionDisabled,
		// Answered here: the library would cut off a peer whose pong has to wait
		// longer than it likes.
		OnPingReceived: func(_ context.Context, payload []byte) bool {
			_ = w.control(opPong, payload)
			return false
		},
	})
	if err != nil {
		s.conns.Done()
		return // Accept has answered
	}
	go s.run(conn, w, p.Cursor)
}

// run streams until either side ends it.
func (s *Server) run(conn *websocket.Conn, w *wire, from *int64) {
	defer s.conns.Done()
	defer func() {
		if v := recover(); v != nil { // one connection's, as in a request
			s.Logger.Error("firehose connection crashed", "panic", v, "stack", string(debug.Stack()))
		}
	}()
	subscribers.Inc()
	defer subscribers.Dec()
	defer conn.CloseNow()

	ctx, cancel := context.WithCancel(s.running)
	defer cancel()
	conn.SetReadLimit(readLimit)
	go drain(conn, cancel)
	defer context.AfterFunc(ctx, func() { _ = w.SetWriteDeadline(time.Now().Add(goodbye)) })()
	s.end(ctx, conn, w, s.stream(ctx, w, from))
}

// drain reads until the peer closes, drops what it reads, and answers control
// frames on the way. Then it ends the connection.
func drain(conn *websocket.Conn, cancel context.CancelFunc) {
	defer cancel()
	for {
		_, message, err := conn.Reader(context.Background()) // until the socket is closed
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, message); err != nil {
			return
		}
	}
}

// stream sends until something is in the way, and returns that.
func (s *Server) stream(ctx context.Context, w *wire, from *int64) error {
	sub, err := s.Subscribe((*sequencing.Seq)(from))
	if err != nil {
		return err
	}
	defer sub.Close()
	defer s.keepAlive(ctx, w)()
	if info := sub.Info(); info != nil {
		if err := w.send(ctx, info); err != nil {
			return err
		}
	}
	for {
		frames, err := sub.Next(ctx)
		if err != nil {
			return err
		}
		if err := w.send(ctx, frames...); err != nil {
			return err
		}
	}
}

// keepAlive pings, and closes the socket of a peer that is silent all the same:
// a dead one may leave room for many batches before a write fails. A slow peer
// answers behind all that is on its way to it, so it is given maxUnheard pings;
// a live subscriber that takes longer is too slow anyway. No goroutine waits for
// the answer. The returned function stops it.
func (s *Server) keepAlive(ctx context.Context, w *wire) (stop func() bool) {
	var timer *time.Timer
	unheard := 0
	w.heard.Store(true)
	timer = time.AfterFunc(time.Hour, func() { // not before it is set below
		unheard++
		if w.heard.Swap(false) {
			unheard = 0
		}
		if unheard == maxUnheard {
			_ = w.Conn.Close() // which drain notices
			return
		}
		if w.control(opPing, nil) == nil && ctx.Err() == nil {
			timer.Reset(s.pingEvery)
		}
	})
	timer.Reset(s.pingEvery)
	return timer.Stop
}

// end tells the consumer why, if there is something to tell.
func (s *Server) end(ctx context.Context, conn *websocket.Conn, w *wire, cause error) {
	name, message := "", ""
	switch {
	case errors.Is(cause, sequencing.ErrFutureCursor):
		name, message = "FutureCursor", "Cursor in the future."
	case errors.Is(cause, sequencing.ErrTooSlow):
		name, message = "ConsumerTooSlow", "Stream consumer too slow"
	}
	if name != "" {
		if cause = w.send(ctx, sequencing.ErrorFrame(name, message)); cause == nil {
			conn.Close(websocket.StatusPolicyViolation, name)
			return
		}
	}
	switch {
	case errors.Is(cause, errLost):
		s.Logger.Debug("firehose consumer lost", "err", cause)
	case ctx.Err() != nil, errors.Is(cause, sequencing.ErrClosed):
		conn.Close(websocket.StatusNormalClosure, "")
	default:
		s.Logger.Warn("firehose connection ended", "err", cause)
	}
}
