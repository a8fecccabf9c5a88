package bench

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// The herd counts what it is sent, headers included, and who was cut off.
func TestHerdCounts(t *testing.T) {
	var open atomic.Int64
	begin := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer ws.CloseNow()
		leaves := open.Add(1) == 1
		<-begin
		for range 10 {
			ws.Write(r.Context(), websocket.MessageBinary, make([]byte, 1000))
		}
		if !leaves {
			<-ws.CloseRead(r.Context()).Done()
		}
	}))
	defer s.Close()
	to, err := parseEndpoint(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	h, err := gather(t.Context(), to, 60)
	if err != nil {
		t.Fatal(err)
	}
	close(begin)
	for end := time.Now().Add(10 * time.Second); h.bytes.Load() < 60*10*1004 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if err := h.settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.close()
	if got := h.bytes.Load(); got != 60*10*1004 || h.gone.Load() != 1 {
		t.Errorf("%d bytes, %d gone", got, h.gone.Load())
	}
}

func TestHerdIsComparedWithACount(t *testing.T) {
	sum := tally{delivered: 5}
	sum.herd(3*10*1004-2008, 10, 10*1000, 3, 1)
	if sum.delivered != 5+28 || sum.lost != 2 || len(sum.errors) != 1 {
		t.Errorf("%d delivered, %d lost, %v", sum.delivered, sum.lost, sum.errors)
	}
	sum.herd(1, 0, 0, 3, 0) // nothing was written
	if sum.delivered != 33 || sum.lost != 2 {
		t.Errorf("%d delivered, %d lost", sum.delivered, sum.lost)
	}
}
