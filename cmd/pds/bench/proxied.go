package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// proxiedMethod has no route of its own in either server.
const proxiedMethod = "app.bsky.graph.getMutes"

// proxyClients are how many ask at a time.
var proxyClients = []int{1, 64, 512}

// view is an app view that this process serves: it answers everybody with the same
// page of a few kilobytes, so that what is measured is the way there.
type view struct {
	url    string
	server *http.Server
}

func startView() (*view, error) {
	page := []byte(`{"mutes":[` + strings.Repeat(`{"did":"did:plc:ewvi7nxzyoun6zhxrhs64oiz","handle":"somebody.example.com","displayName":"Somebody"},`, 30) + `{"did":"did:plc:ewvi7nxzyoun6zhxrhs64oiz","handle":"last.example.com"}]}`)
	length := []string{strconv.Itoa(len(page))}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	v := &view{url: "http://" + l.Addr().String(), server: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h["Content-Type"], h["Content-Length"] = []string{"application/json"}, length
		w.Write(page)
	}), ReadHeaderTimeout: 10 * time.Second}}
	go v.server.Serve(l)
	return v, nil
}

// proxied measures a query that the server passes on, in turns with the same query
// asked of the app view directly, by 1, 64 and 512 clients. The row is that of 64;
// the figures say for each how many a second came through, and how much later
// than without the server between.
func proxied(ctx context.Context, t *target, o Options) (sum tally, err error) {
	all, err := t.accounts(ctx, o.Accounts)
	if err != nil {
		return tally{}, err
	}
	v, err := startView()
	if err != nil {
		return tally{}, err
	}
	defer v.server.Close()
	t.Process.settings = []string{"PDS_BSKY_APP_VIEW_URL=" + v.url, "PDS_BSKY_APP_VIEW_DID=did:web:view.test"}
	if err := t.restart(ctx, 0); err != nil {
		return tally{}, err
	}
	defer func() {
		t.Process.settings = nil
		err = errors.Join(err, t.restart(ctx, 0))
	}()
	direct := *t
	direct.PID, direct.Profiles = 0, ""
	if direct.to, err = parseEndpoint(v.url); err != nil {
		return tally{}, err
	}
	for _, clients := range proxyClients {
		ask := job{workers: clients, op: func(w *worker) error {
			_, err := w.get(proxiedMethod, "?limit=50", w.pick(all))
			return err
		}}
		alone, _, err := direct.run(ctx, o, ask)
		if err != nil {
			return sum, err
		}
		through, _, err := t.run(ctx, o, ask)
		if err != nil {
			return sum, err
		}
		if through.notServed() {
			return through, nil
		}
		name := strconv.Itoa(clients) + " clients "
		added := func(p float64) float64 {
			return millis(percentile(through.latency, p)) - millis(percentile(alone.latency, p))
		}
		through.figure(name+"/s", through.rate())
		through.figure(name+"direct /s", alone.rate())
		through.figure(name+"added p50 ms", added(0.50))
		through.figure(name+"added p99 ms", added(0.99))
		through.figure(name+"MB", megabytes(through.rss))
		for name, n := range alone.errors {
			through.note(fmt.Sprintf("proxy: %d × %s without the server", n, name))
		}
		figures, notes := sum.figures, sum.notes
		if clients == 64 {
			sum = through
			sum.figures, sum.notes = append(figures, through.figures...), append(notes, through.notes...)
			continue
		}
		sum.figures, sum.notes = append(figures, through.figures...), append(notes, through.notes...)
		for name, n := range through.errors {
			sum.note(fmt.Sprintf("proxy: %d × %s with %d clients", n, name, clients))
		}
	}
	return sum, nil
}
