package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// api speaks XRPC to the server.
type api struct{ url string }

var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}, Timeout: 30 * time.Second}

func (a api) post(ctx context.Context, method, token string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, "POST", a.url+"/xrpc/"+method, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s %s", method, res.Status, answer)
	}
	return json.Unmarshal(answer, out)
}

// load is the accounts and what they have done.
type load struct {
	api
	ledger  *ledger
	writers []*writer
	errors  atomic.Int64
	done    [len(operations)]atomic.Int64
}

// writer is one account. It belongs to one goroutine.
type writer struct {
	*load
	DID, AccessJwt string
	random         *rand.Rand
	posts          []ref
	serial         int
}

type ref struct {
	URI string `json:"uri"`
	CID string `json:"cid"`
}

// signUp makes accounts, a few at a time: the server hashes passwords on all cores.
func (l *load) signUp(ctx context.Context, n int) error {
	run := time.Now().Unix() % 1_000_000
	l.writers = make([]*writer, n)
	errs := make(chan error, n)
	places := make(chan struct{}, 4)
	for i := range n {
		go func() {
			places <- struct{}{}
			defer func() { <-places }()
			name := fmt.Sprintf("r%d-%d", run, i)
			w := &writer{load: l, random: rand.New(rand.NewPCG(uint64(run), uint64(i)))}
			l.writers[i] = w
			errs <- l.post(ctx, "com.atproto.server.createAccount", "", map[string]string{
				"handle": name + ".test", "email": name + "@example.com", "password": "a long password",
			}, w)
		}()
	}
	for range n {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}

// run has every account write until the time is over, and never further ahead
// of the relay than it may be.
func (l *load) run(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	var wg sync.WaitGroup
	for _, w := range l.writers {
		wg.Go(func() {
			for ctx.Err() == nil {
				if l.ledger.behind() > *behind {
					time.Sleep(5 * time.Millisecond)
					continue
				}
				w.step()
			}
		})
	}
	wg.Wait()
}

// operations are the kinds of writes and how many of a hundred they are.
var operations = [...]struct {
	name  string
	share int
	do    func(*writer) error
}{
	{"create", 40, (*writer).create},
	{"like", 20, (*writer).like},
	{"update", 15, (*writer).update},
	{"delete", 15, (*writer).remove},
	{"batch", 10, (*writer).batch},
}

func (w *writer) step() {
	pick := w.random.IntN(100)
	for i, op := range operations {
		if pick -= op.share; pick >= 0 {
			continue
		}
		if err := op.do(w); err != nil {
			if w.errors.Add(1) <= 5 {
				fmt.Fprintln(os.Stderr, op.name+":", err)
			}
			return
		}
		w.done[i].Add(1)
		return
	}
}

const posts, likes = "app.bsky.feed.post", "app.bsky.feed.like"

func (w *writer) text() map[string]any {
	w.serial++
	return map[string]any{"$type": posts, "text": fmt.Sprintf("post %d, and a few words so that it has a size", w.serial), "createdAt": now()}
}

func now() string { return time.Now().UTC().Format("2006-01-02T15:04:05.000Z") }

// A write is not ended by the end of the load: its answer is what counts.
func (w *writer) call(method string, in, out any) error {
	return w.post(context.Background(), method, w.AccessJwt, in, out)
}

func (w *writer) create() error {
	var made ref
	err := w.call("com.atproto.repo.createRecord", map[string]any{"repo": w.DID, "collection": posts, "record": w.text()}, &made)
	if err == nil {
		w.posts = append(w.posts, made)
	}
	return err
}

// like likes a post of anybody; liking one again replaces the older like.
func (w *writer) like() error {
	if len(w.posts) == 0 {
		return w.create()
	}
	subject := w.posts[w.random.IntN(len(w.posts))]
	return w.call("com.atproto.repo.createRecord", map[string]any{
		"repo": w.DID, "collection": likes, "record": map[string]any{"$type": likes, "subject": subject, "createdAt": now()},
	}, &ref{})
}

func (w *writer) update() error {
	if len(w.posts) == 0 {
		return w.create()
	}
	i := w.random.IntN(len(w.posts))
	return w.call("com.atproto.repo.putRecord", map[string]any{
		"repo": w.DID, "collection": posts, "rkey": w.posts[i].key(), "record": w.text(),
	}, &w.posts[i])
}

func (w *writer) remove() error {
	if len(w.posts) == 0 {
		return w.create()
	}
	return w.call("com.atproto.repo.deleteRecord", map[string]any{"repo": w.DID, "collection": posts, "rkey": w.take().key()}, &struct{}{})
}

// batch mixes up to forty writes of all kinds in one commit.
func (w *writer) batch() error {
	var writes []map[string]any
	write := func(kind string, rkey string, value map[string]any) {
		one := map[string]any{"$type": "com.atproto.repo.applyWrites#" + kind, "collection": posts}
		if rkey != "" {
			one["rkey"] = rkey
		}
		if value != nil {
			one["value"] = value
		}
		writes = append(writes, one)
	}
	for range 1 + w.random.IntN(20) {
		write("create", "", w.text())
	}
	for range w.random.IntN(20) {
		if len(w.posts) < 2 {
			break
		}
		kind, gone := "update", w.take()
		if w.random.IntN(2) == 0 {
			write(kind, gone.key(), w.text()) // and forgotten here: not touched twice in one batch
		} else {
			write("delete", gone.key(), nil)
		}
	}
	var out struct{ Results []ref }
	err := w.call("com.atproto.repo.applyWrites", map[string]any{"repo": w.DID, "writes": writes}, &out)
	if err == nil {
		for _, made := range out.Results {
			if made.URI != "" {
				w.posts = append(w.posts, made)
			}
		}
	}
	return err
}

// take removes one of the account's posts from what it knows of.
func (w *writer) take() ref {
	i := w.random.IntN(len(w.posts))
	one := w.posts[i]
	w.posts[i] = w.posts[len(w.posts)-1]
	w.posts = w.posts[:len(w.posts)-1]
	return one
}

func (r ref) key() string { return r.URI[bytes.LastIndexByte([]byte(r.URI), '/')+1:] }

func (l *load) print(took time.Duration) {
	total := int64(0)
	for i, op := range operations {
		n := l.done[i].Load()
		total += n
		fmt.Printf("%s %d, ", op.name, n)
	}
	fmt.Printf("%d writes in %.0f s (%.0f/s), %d refused\n", total, took.Seconds(), float64(total)/took.Seconds(), l.errors.Load())
}
