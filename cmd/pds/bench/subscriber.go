package bench

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/coder/websocket"
)

// maxFrame is more than consumers take (5 MB), so that a larger one is seen.
const maxFrame = 6 << 20

// subscriber is one reader of the firehose. Its counts may be read while it
// runs; the arrivals only when it has ended or what they wait for has come.
type subscriber struct {
	ws       *websocket.Conn
	buf      []byte
	events   atomic.Int64
	bytes    atomic.Int64
	ours     atomic.Int64 // events of keyed writes
	arrivals []atomic.Int64
	keys     keyRange
	err      error
	ended    chan struct{}
}

// subscribe opens a connection; cursor < 0 is live.
func subscribe(ctx context.Context, url string, cursor int64) (*subscriber, error) {
	address := strings.Replace(url, "http", "ws", 1) + "/xrpc/com.atproto.sync.subscribeRepos"
	if cursor >= 0 {
		address += "?cursor=" + strconv.FormatInt(cursor, 10)
	}
	dialled, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	ws, _, err := websocket.Dial(dialled, address, &websocket.DialOptions{CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return nil, err
	}
	ws.SetReadLimit(maxFrame)
	return &subscriber{ws: ws, buf: make([]byte, 16<<10), ended: make(chan struct{})}, nil
}

// next reads one frame, valid until the next.
func (s *subscriber) next(ctx context.Context) ([]byte, error) {
	_, r, err := s.ws.Reader(ctx)
	if err != nil {
		return nil, err
	}
	n := 0
	for {
		if n == len(s.buf) {
			s.buf = append(s.buf, make([]byte, len(s.buf))...)
		}
		m, err := r.Read(s.buf[n:])
		if n += m; errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
	}
	s.events.Add(1)
	s.bytes.Add(int64(n))
	return s.buf[:n], nil
}

// follow counts until ctx ends or the server does, and notes when each keyed
// write arrived, in nanoseconds since epoch, where arrivals has room.
func (s *subscriber) follow(ctx context.Context, epoch time.Time) {
	defer close(s.ended)
	defer s.ws.CloseNow()
	for {
		frame, err := s.next(ctx)
		if err != nil {
			s.err = err
			return
		}
		i, ok := s.keys.find(frame)
		if !ok {
			continue
		}
		if i < len(s.arrivals) {
			s.arrivals[i].Store(int64(time.Since(epoch)))
		}
		s.ours.Add(1)
	}
}

// keyRange numbers record keys, so that an event leads to its write by two
// subtractions: no table, and no decoding of the frame beyond its first path.
type keyRange struct{ first uint64 }

func newKeyRange() keyRange { return keyRange{syntax.NewTIDNow(0).Integer()} }

func (k keyRange) key(i int) syntax.TID { return syntax.NewTIDFromInteger(k.first + uint64(i)) }

// keySpan is how many numbers a range has.
const keySpan = 1 << 24

// find is the number of the first path in a frame. The operations stand before
// the blocks in the canonical order of a commit's fields.
func (k keyRange) find(frame []byte) (int, bool) {
	at := bytes.Index(frame, []byte(collection+"/"))
	if at < 0 {
		return 0, false
	}
	text := frame[at+len(collection)+1:]
	if len(text) < 13 {
		return 0, false
	}
	var v uint64
	for _, c := range text[:13] {
		d := tidDigits[c]
		if d < 0 {
			return 0, false
		}
		v = v<<5 | uint64(d)
	}
	if v < k.first || v-k.first >= keySpan {
		return 0, false
	}
	return int(v - k.first), true
}

// tidDigits is the value of each digit of a TID (atproto.com/specs/tid), -1 of none.
var tidDigits = func() (t [256]int8) {
	for i := range t {
		t[i] = -1
	}
	for i, c := range []byte("234567abcdefghijklmnopqrstuvwxyz") {
		t[c] = int8(i)
	}
	return t
}()
