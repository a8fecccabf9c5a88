package proxy

import (
	"context"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"troupe/actors/account"
)

// An app view that answers nobody fills its own room, and no other: what this
// server answers itself is answered.
func TestSlowAppView(t *testing.T) {
	w := newWorld(t)
	var once sync.Once
	full, answer := make(chan struct{}), make(chan struct{})
	var inside sync.WaitGroup
	var mu sync.Mutex
	held := 0
	w.view.answer = func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		if held++; held == 256 {
			once.Do(func() { close(full) })
		}
		mu.Unlock()
		select {
		case <-answer:
		case <-r.Context().Done():
		}
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1000}}
	token := w.token(account.ScopeAccess)
	ask := func(ctx context.Context, method string) int {
		r, _ := http.NewRequestWithContext(ctx, "GET", w.server.URL+"/xrpc/"+method, nil)
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := client.Do(r)
		if err != nil {
			return 0
		}
		defer resp.Body.Close()
		io.Copy(io.Discard, resp.Body)
		return resp.StatusCode
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var mine sync.Mutex
	statuses := map[int]int{}
	for range 600 {
		inside.Go(func() {
			status := ask(ctx, "com.example.slow")
			mine.Lock()
			statuses[status]++
			mine.Unlock()
		})
	}
	<-full
	for range 200 {
		if status := ask(ctx, "com.atproto.server.getSession"); status != 200 {
			t.Fatalf("a method of this server: %d", status)
		}
	}
	// Those in line lose patience; the others get what they waited for.
	refused := func() int {
		mine.Lock()
		defer mine.Unlock()
		return statuses[503]
	}
	for refused() == 0 && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	close(answer)
	inside.Wait()
	if statuses[200] < 256 || statuses[200]+statuses[503] != 600 {
		t.Errorf("answers by status: %v", statuses)
	}
	if _, conns := w.view.take(); conns > 256+2 {
		t.Errorf("%d connections to the app view", conns)
	}
	client.CloseIdleConnections()
}
