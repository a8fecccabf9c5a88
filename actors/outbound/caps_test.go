package outbound

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestBodyCap(t *testing.T) {
	const max = 1000
	bodies := map[string]http.HandlerFunc{
		"exact": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strings.Repeat("x", max)) },
		"announced": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1001")
			io.WriteString(w, strings.Repeat("x", max+1))
		},
		"streamed": func(w http.ResponseWriter, _ *http.Request) {
			for range 50 {
				io.WriteString(w, strings.Repeat("x", 100))
				w.(http.Flusher).Flush()
			}
		},
		"bomb": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			io.WriteString(z, strings.Repeat("x", 1<<20)) // about 1 kB on the wire
			z.Close()
		},
		"small gzip": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			io.WriteString(z, strings.Repeat("x", max))
			z.Close()
		},
	}
	for _, c := range []struct {
		name string
		want error
	}{{"exact", nil}, {"announced", ErrTooLarge}, {"streamed", ErrTooLarge}, {"bomb", ErrTooLarge}, {"small gzip", nil}} {
		t.Run(c.name, func(t *testing.T) {
			pub, _, o := world(t, false, bodies[c.name], map[string]string{"good.example": internet})
			o.MaxBody = max
			client := NewClient(o)
			resp, err := client.Get("http://" + on("good.example", pub))
			var body []byte
			if err == nil {
				body, err = ReadAll(resp, 1<<20)
			}
			if !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if c.want == nil && len(body) != max {
				t.Errorf("%d bytes, want %d", len(body), max)
			}
			if c.want != nil && body != nil {
				t.Errorf("%d bytes came with the error", len(body))
			}
		})
	}
}

func TestReadAll(t *testing.T) {
	pub, _, o := world(t, false, ok, map[string]string{"good.example": internet})
	for max, want := range map[int64]error{4: ErrTooLarge, 5: nil, 6: nil} {
		resp, err := NewClient(o).Get("http://" + on("good.example", pub))
		if err != nil {
			t.Fatal(err)
		}
		body, err := ReadAll(resp, max)
		if !errors.Is(err, want) || want == nil && string(body) != "hello" {
			t.Errorf("max %d: %q, %v", max, body, err)
		}
	}
}

// A HEAD answer announces the length of a body that does not come.
func TestHeadIsNotCapped(t *testing.T) {
	pub, _, o := world(t, false, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "5000000")
	}, map[string]string{"good.example": internet})
	resp, err := NewClient(o).Head("http://" + on("good.example", pub))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

func TestTimeCap(t *testing.T) {
	stuck := make(chan struct{})
	pub, _, o := world(t, false, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		select { // the header is fast, the body never comes
		case <-stuck:
		case <-r.Context().Done():
		}
	}, map[string]string{"good.example": internet})
	defer close(stuck)
	o.Timeout = 50 * time.Millisecond
	resp, err := NewClient(o).Get("http://" + on("good.example", pub))
	if err == nil {
		_, err = ReadAll(resp, 100)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want a deadline", err)
	}
}

func TestPerHost(t *testing.T) {
	pub, _, o := world(t, false, ok, map[string]string{"good.example": internet, "other.example": internet})
	o.PerHost = 2
	client := NewClient(o)
	url := "http://" + on("good.example", pub)
	get := func(url string) *http.Response {
		t.Helper()
		resp, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	first, second := get(url), get(url)
	if _, err := client.Get(url); !errors.Is(err, ErrBusy) {
		t.Fatalf("third call in flight: %v, want ErrBusy", err)
	}
	first.Body.Close()
	first.Body.Close() // a second Close gives nothing back twice
	third := get(url)
	if _, err := client.Get(url); !errors.Is(err, ErrBusy) {
		t.Fatalf("third call in flight: %v, want ErrBusy", err)
	}
	if _, err := ReadAll(second, 100); err != nil {
		t.Fatal(err)
	}
	get(url).Body.Close()
	third.Body.Close()
}

// A refused or failed call gives its place back too.
func TestPerHostAfterErrors(t *testing.T) {
	_, internal, o := world(t, false, ok, nil)
	o.PerHost = 1
	client := NewClient(o)
	for range 3 {
		if _, err := client.Get("http://" + on("127.0.0.1", internal)); !errors.Is(err, ErrForbidden) {
			t.Fatalf("%v, want ErrForbidden", err)
		}
	}
}

func TestUserAgent(t *testing.T) {
	agents := make(chan string, 2)
	pub, _, o := world(t, false, func(_ http.ResponseWriter, r *http.Request) { agents <- r.UserAgent() },
		map[string]string{"good.example": internet})
	o.UserAgent = "troupe/1"
	client := NewClient(o)
	req, _ := http.NewRequest(http.MethodGet, "http://"+on("good.example", pub), nil)
	for _, want := range []string{"troupe/1", "mine"} {
		if want == "mine" {
			req.Header.Set("User-Agent", want)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := <-agents; got != want {
			t.Errorf("User-Agent %q, want %q", got, want)
		}
	}
}

func TestUpgradeIsRefused(t *testing.T) {
	pub, _, o := world(t, false, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Upgrade", "x")
		w.Header().Set("Connection", "Upgrade")
		w.WriteHeader(http.StatusSwitchingProtocols)
	}, map[string]string{"good.example": internet})
	if _, err := NewClient(o).Get("http://" + on("good.example", pub)); !errors.Is(err, ErrForbidden) {
		t.Errorf("%v, want ErrForbidden", err)
	}
}
