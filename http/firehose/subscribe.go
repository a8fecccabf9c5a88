package firehose

import (
	"context"
	"log/slog"
	nethttp "net/http"
	"runtime"
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
	senders []sender // under door
	turn    int      // under door
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
	c := &connection{server: s, sender: s.sender()}
	c.wire.timeout = s.writeTimeout
	conn, err := websocket.Accept(&hijacker{rw, &c.wire}, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // any web page may read what is public
		CompressionMode:    websocket.CompressionDisabled,
		// Answered here: the library would cut off a peer whose pong has to wait
		// longer than it likes.
		OnPingReceived: func(_ context.Context, payload []byte) bool {
			_ = c.wire.control(opPong, payload)
			return false
		},
	})
	if err != nil {
		s.conns.Done()
		return // Accept has answered
	}
	c.conn = conn
	go c.start((*sequencing.Seq)(p.Cursor))
}

// sender is the one whose turn it is to take a connection. They are few: a
// processor has to be left for those who write, however many there are who read.
func (s *Server) sender() *sender {
	s.door.Lock()
	defer s.door.Unlock()
	if s.senders == nil {
		s.senders = make([]sender, max(1, runtime.GOMAXPROCS(0)/2))
		for i := range s.senders {
			s.senders[i].poked = make(chan struct{}, 1)
		}
	}
	s.turn++
	return &s.senders[s.turn%len(s.senders)]
}
