package proxy

import (
	"io"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"troupe/actors/account"
)

// Thousands of requests of every kind, to an upstream of every mood, leave
// nothing behind: no goroutine, no connection, no place. TROUPE_PROXIED=100000 is
// the long form.
func TestNothingIsLeft(t *testing.T) {
	total := 1500
	if n, err := strconv.Atoi(os.Getenv("TROUPE_PROXIED")); err == nil {
		total = n
	}
	w := newWorld(t)
	var turn atomic.Int64
	w.view.answer = func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		switch turn.Add(1) % 7 {
		case 0:
			rw.WriteHeader(500)
			io.WriteString(rw, `{"error":"A"}`)
		case 1:
			rw.Header().Set("Content-Type", "text/html")
			rw.WriteHeader(404)
			io.WriteString(rw, strings.Repeat("x", 100_000))
		case 2:
			panic(http.ErrAbortHandler)
		case 3:
			rw.Header().Set("Content-Length", "100000")
			io.WriteString(rw, strings.Repeat("x", 5000))
		default:
			io.WriteString(rw, `{"ok":true}`)
		}
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	token := w.token(account.ScopeAccess)
	run := func(n int) {
		var wg sync.WaitGroup
		for worker := range 16 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for i := worker; i < n; i += 16 {
					verb, body := "GET", io.Reader(nil)
					if i%5 == 0 {
						verb, body = "POST", strings.NewReader(strings.Repeat("y", 20_000))
					}
					r, _ := http.NewRequest(verb, w.server.URL+"/xrpc/com.example.any", body)
					r.Header.Set("Authorization", "Bearer "+token)
					if i%11 == 0 {
						r.Header.Set("Atproto-Proxy", other.String()+"#x") // is refused at the dial
					}
					resp, err := client.Do(r)
					if err != nil {
						continue // cut, as the upstream cut its answer
					}
					if i%13 != 0 { // some go away before the end
						io.Copy(io.Discard, resp.Body)
					}
					resp.Body.Close()
				}
			}()
		}
		wg.Wait()
	}
	run(total / 10)
	before := settled()
	run(total)
	after := settled()
	if after > before+60 { // idle connections come and go; each is two goroutines on either side
		t.Errorf("%d goroutines after %d requests, %d before", after, total, before)
	}
	t.Logf("%d requests, goroutines %d → %d", total, before, after)
	client.CloseIdleConnections()
}

// settled counts the goroutines when those that are ending have ended.
func settled() int {
	runtime.GC()
	last, same := runtime.NumGoroutine(), 0
	for i := 0; i < 200 && same < 5; i++ {
		time.Sleep(10 * time.Millisecond)
		if n := runtime.NumGoroutine(); n == last {
			same++
		} else {
			last, same = n, 0
		}
	}
	return last
}
