package main

import (
	"io"
	nethttp "net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// manyVerb sends the same request many times at once.
func (w *scriptWorld) manyVerb(ts *testscript.TestScript, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	var (
		all    sync.WaitGroup
		mu     sync.Mutex
		failed error
		header nethttp.Header
		others []string // statuses that nobody asked for
	)
	for range n {
		r, want := w.request(ts, args[1:])
		all.Go(func() {
			resp, err := nethttp.DefaultClient.Do(r)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = err
				return
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			header = resp.Header
			if status, _, _ := strings.Cut(want, ":"); strconv.Itoa(resp.StatusCode) != status {
				others = append(others, resp.Status)
			}
		})
	}
	all.Wait()
	ts.Check(failed)
	header.Write(ts.Stderr())
	if len(others) > 0 {
		ts.Fatalf("%d of %d: %s …", len(others), n, others[0])
	}
}
