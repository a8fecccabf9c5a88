package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	nethttp "net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"

	"troupe/cmd/pds/devnet"
)

// timingWorkers is how many requests are under way at a time.
const timingWorkers = 4

// TestTimesTellNobodyWhoIsHere asks about accounts that are here and accounts
// that are not, in pairs. Answers to a sign-in are the same byte by byte; a reset
// of an address that nobody has is refused, as in the reference, and takes as
// long. With PDS_TIMING_PAIRS=2000 the times are held to Welch's t test
// (|t| < 4.5); without, they are only shown, because a machine that is busy with
// something else proves nothing.
func TestTimesTellNobodyWhoIsHere(t *testing.T) {
	pairs, long := 3, false
	if s := os.Getenv("PDS_TIMING_PAIRS"); s != "" {
		var err error
		if pairs, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
		long = true
	}
	people := max(2, pairs/10) // of whom each may be sent ten mails an hour
	url := timedServer(t, people)
	for name, ask := range map[string]func(who string) (method, body string){
		"sign-in by handle": func(who string) (string, string) {
			return "createSession", `{"identifier":"` + who + `.test","password":"wrong"}`
		},
		"sign-in by address": func(who string) (string, string) {
			return "createSession", `{"identifier":"` + who + `@example.com","password":"wrong"}`
		},
		"sign-in with an app password": func(who string) (string, string) {
			return "createSession", `{"identifier":"` + who + `.test","password":"aaaa-bbbb-cccc-dddd"}`
		},
		"reset": func(who string) (string, string) {
			return "requestPasswordReset", `{"email":"` + who + `@example.com"}`
		},
	} {
		t.Run(name, func(t *testing.T) {
			known, unknown := timePairs(t, url, pairs, people, name != "reset", ask)
			raw, cropped := welch(known, unknown), welch(crop(known), crop(unknown))
			t.Logf("%d pairs: t = %+.2f, without the slowest tenth %+.2f; known %v, unknown %v on average", pairs, raw, cropped, mean(known), mean(unknown))
			if long && (math.Abs(raw) >= 4.5 || math.Abs(cropped) >= 4.5) {
				t.Error("the time an answer takes tells whether there is such an account")
			}
		})
	}
}

// timedServer has people person0.test … whose addresses are person0@example.com ….
func timedServer(t *testing.T, people int) (url string) {
	t.Helper()
	plc, err := devnet.OpenPLC(devnet.PLCOptions{})
	if err != nil {
		t.Fatal(err)
	}
	plcURL, err := plc.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	key, err := atcrypto.GeneratePrivateKeyK256()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSettings(map[string]string{
		"PDS_DATA_DIRECTORY": filepath.Join(t.TempDir(), "data"), "PDS_DID_PLC_URL": plcURL, "PDS_PORT": strconv.Itoa(l.Addr().(*net.TCPAddr).Port),
		"PDS_JWT_SECRET": "secret", "PDS_ADMIN_PASSWORD": "admin", "PDS_DEV_MODE": "true", "PDS_INVITE_REQUIRED": "false", "PDS_SIGNUPS_PER_IP_PER_DAY": "0",
		"PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX": hex.EncodeToString(key.Bytes()),
	}, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	c, err := readConfig(s)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	server, err := NewServer(ctx, c, Extra{Mail: deliver(devnet.NewMailbox(1))}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		plc.Close()
	})
	url = "http://" + l.Addr().String()
	for i := range people {
		who := fmt.Sprintf("person%d", i)
		status, _, _ := timed(t, nethttp.DefaultClient, url, "createAccount", `{"handle":"`+who+`.test","email":"`+who+`@example.com","password":"pw"}`)
		if status != nethttp.StatusOK {
			t.Fatalf("createAccount: %d", status)
		}
	}
	return url
}

// timePairs asks about a known and an unknown name, in an order that chance
// decides, so that whatever else the machine does meets both alike.
func timePairs(t *testing.T, url string, pairs, people int, alike bool, ask func(string) (string, string)) (known, unknown []time.Duration) {
	t.Helper()
	var mu sync.Mutex
	var workers sync.WaitGroup
	next := make(chan int)
	for range timingWorkers {
		workers.Go(func() {
			client := &nethttp.Client{Transport: &nethttp.Transport{}} // a connection of its own
			defer client.CloseIdleConnections()
			for i := range next {
				here := func() (int, string, time.Duration) {
					method, body := ask(fmt.Sprintf("person%d", i%people))
					return timed(t, client, url, method, body)
				}
				gone := func() (int, string, time.Duration) {
					method, body := ask(fmt.Sprintf("nobody%d", i%people))
					return timed(t, client, url, method, body)
				}
				var a, b time.Duration
				var said, other string
				var status, second int
				if rand.N(2) == 0 {
					status, said, a = here()
					second, other, b = gone()
				} else {
					second, other, b = gone()
					status, said, a = here()
				}
				if alike && (said != other || status != second) {
					t.Errorf("an account that is here: %d %s; one that is not: %d %s", status, said, second, other)
				}
				mu.Lock()
				known, unknown = append(known, a), append(unknown, b)
				mu.Unlock()
			}
		})
	}
	for i := range pairs {
		next <- i
	}
	close(next)
	workers.Wait()
	return known, unknown
}

// timed is one call: what was said, without what differs between any two
// answers, and how long it took.
func timed(t *testing.T, client *nethttp.Client, url, method, body string) (status int, said string, took time.Duration) {
	began := time.Now()
	resp, err := client.Post(url+"/xrpc/com.atproto.server."+method, "application/json", strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0, "", 0
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	took = time.Since(began)
	if err != nil {
		t.Error(err)
	}
	for _, h := range []string{"Date", "X-Request-Id"} {
		resp.Header.Del(h)
	}
	var head strings.Builder
	resp.Header.Write(&head)
	return resp.StatusCode, head.String() + string(answer), took
}

func mean(all []time.Duration) time.Duration {
	var sum time.Duration
	for _, d := range all {
		sum += d
	}
	return sum / time.Duration(len(all))
}

// welch is Welch's t of two samples.
func welch(a, b []time.Duration) float64 {
	stats := func(all []time.Duration) (m, v float64) {
		m = float64(mean(all))
		for _, d := range all {
			v += (float64(d) - m) * (float64(d) - m)
		}
		return m, v / float64(len(all)-1) / float64(len(all))
	}
	ma, va := stats(a)
	mb, vb := stats(b)
	return (ma - mb) / math.Sqrt(va+vb)
}

// crop leaves the slowest tenth out, which is where the machine did something else.
func crop(all []time.Duration) []time.Duration {
	all = slices.Sorted(slices.Values(all))
	return all[:len(all)*9/10]
}
