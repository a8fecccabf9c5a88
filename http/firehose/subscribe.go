package firehose

import (
	"context"
	"errors"
	"log/slog"
	nethttp "net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"troupe/sequencing"
)

const (
	writeTimeout = 30 * time.Second
	pingEvery    = 30 * time.Second
	pingTimeout  = 20 * time.Second
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

	conns sync.WaitGroup
	stop  chan struct{}
	once  sync.Once
}

// New makes a server; Close ends its connections.
func New(subscribe func(*sequencing.Seq) (*sequencing.Subscription, error), logger *slog.Logger) *Server {
	return &Server{Subscribe: subscribe, Logger: logger, stop: make(chan struct{})}
}

// Close says goodbye to every subscriber and waits until they are gone.
func (s *Server) Close() {
	s.once.Do(func() { close(s.stop) })
	s.conns.Wait()
}

// Serve upgrades one request and streams to it until either side ends it.
func (s *Server) Serve(w nethttp.ResponseWriter, r *nethttp.Request, p Params) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // any web page may read what is public
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil {
		return // Accept has answered
	}
	s.conns.Add(1)
	subscribers.Inc()
	defer s.conns.Done()
	defer subscribers.Dec()
	defer conn.CloseNow()

	// What a client sends is read and dropped; the context ends with the socket.
	ctx, cancel := context.WithCancel(drain(conn))
	defer cancel()
	var cursor *sequencing.Seq
	if p.Cursor != nil {
		c := sequencing.Seq(*p.Cursor)
		cursor = &c
	}
	sub, err := s.Subscribe(cursor)
	if err != nil {
		s.end(ctx, conn, err)
		return
	}
	defer sub.Close()
	go s.ping(ctx, cancel, conn)
	s.end(ctx, conn, s.stream(ctx, conn, sub))
}

// drain reads until the peer closes; control frames are answered on the way.
func drain(conn *websocket.Conn) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	conn.SetReadLimit(1 << 16)
	go func() {
		defer cancel()
		for {
			if _, _, err := conn.Read(ctx); err != nil {
				return
			}
		}
	}()
	return ctx
}

func (s *Server) stream(ctx context.Context, conn *websocket.Conn, sub *sequencing.Subscription) error {
	if info := sub.Info(); info != nil {
		if err := write(ctx, conn, info); err != nil {
			return err
		}
	}
	for {
		frames, err := sub.Next(ctx)
		if err != nil {
			return err
		}
		for _, f := range frames {
			if err := write(ctx, conn, f); err != nil {
				return err
			}
		}
	}
}

func write(ctx context.Context, conn *websocket.Conn, frame []byte) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return conn.Write(ctx, websocket.MessageBinary, frame)
}

// ping cancels a connection whose peer no longer answers, or that shall end.
func (s *Server) ping(ctx context.Context, cancel context.CancelFunc, conn *websocket.Conn) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.stop:
			cancel()
			return
		case <-tick.C:
			alive, done := context.WithTimeout(ctx, pingTimeout)
			err := conn.Ping(alive)
			done()
			if err != nil {
				cancel()
				return
			}
		}
	}
}

// end tells the consumer why, if there is something to tell.
func (s *Server) end(ctx context.Context, conn *websocket.Conn, cause error) {
	name, message := "", ""
	switch {
	case errors.Is(cause, sequencing.ErrFutureCursor):
		name, message = "FutureCursor", "Cursor in the future."
	case errors.Is(cause, sequencing.ErrTooSlow):
		name, message = "ConsumerTooSlow", "Stream consumer too slow"
	case ctx.Err() != nil, errors.Is(cause, sequencing.ErrClosed):
		conn.Close(websocket.StatusNormalClosure, "")
		return
	default:
		s.Logger.Warn("firehose connection ended", "err", cause)
		return
	}
	if write(context.WithoutCancel(ctx), conn, sequencing.ErrorFrame(name, message)) == nil {
		conn.Close(websocket.StatusPolicyViolation, name)
	}
}
