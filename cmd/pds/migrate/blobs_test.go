package migrate

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// carrying is two servers between which blobs are carried.
type carrying struct {
	old, new *fakePDS
	mover    *Mover

	mu           sync.Mutex // several blobs are under way
	has          map[string][]byte
	wanted       []string
	got          map[string]string // and its type
	at, together int
}

func newCarrying(t *testing.T, n int) *carrying {
	c := &carrying{old: newFakePDS(t), new: newFakePDS(t), has: map[string][]byte{}, got: map[string]string{}}
	for i := range n {
		b := fmt.Appendf(nil, "blob %d", i)
		id := rawCID(b).String()
		c.has[id] = b
		c.wanted = append(c.wanted, id)
	}
	slices.Sort(c.wanted)
	c.old.answer["com.atproto.sync.getBlob"] = func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		b, ok := c.has[r.URL.Query().Get("cid")]
		c.mu.Unlock()
		if !ok {
			say(w, 404, map[string]string{"error": "BlobNotFound"})
			return
		}
		w.Header().Set("Content-Type", "text/x-blob")
		w.Write(b)
	}
	c.new.answer["com.atproto.repo.listMissingBlobs"] = func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		page := []any{}
		cursor := r.URL.Query().Get("cursor")
		for _, id := range c.wanted {
			if _, there := c.got[id]; !there && id > cursor && len(page) < 3 {
				page = append(page, map[string]string{"cid": id, "recordUri": "at://x"})
			}
		}
		out := map[string]any{"blobs": page}
		if len(page) > 0 {
			out["cursor"] = page[len(page)-1].(map[string]string)["cid"]
		}
		say(w, 200, out)
	}
	c.new.answer["com.atproto.repo.uploadBlob"] = c.take
	c.mover = &Mover{old: c.old.client(t), new: c.new.client(t), Workers: 3, Say: func(string) {}, state: &State{DID: testDID}}
	return c
}

func (c *carrying) take(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.at++
	c.together = max(c.together, c.at)
	c.mu.Unlock()
	b, _ := io.ReadAll(r.Body)
	id := rawCID(b).String()
	c.mu.Lock()
	c.at--
	c.got[id] = r.Header.Get("Content-Type")
	c.mu.Unlock()
	say(w, 200, map[string]any{"blob": map[string]any{"$type": "blob", "ref": map[string]string{"$link": id}}})
}

func TestBlobsAreCarried(t *testing.T) {
	c := newCarrying(t, 20)
	if err := c.mover.blobs(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, id := range c.wanted {
		if c.got[id] != "text/x-blob" {
			t.Errorf("%s: %q", id, c.got[id])
		}
	}
	if c.together > 3 {
		t.Errorf("%d at a time", c.together)
	}
	if n := c.new.count("com.atproto.repo.uploadBlob"); n != 20 {
		t.Errorf("%d uploads", n)
	}
}

// What cannot be had is named and stops the move, unless its user says otherwise.
func TestBlobsThatCannotBeHad(t *testing.T) {
	c := newCarrying(t, 6)
	gone, forged, large := c.wanted[0], c.wanted[1], c.wanted[2]
	delete(c.has, gone)
	c.has[forged] = []byte("something else")
	c.has[large] = []byte(strings.Repeat("x", 5000))
	c.new.answer["com.atproto.repo.uploadBlob"] = func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > 4000 {
			say(w, 413, map[string]string{"error": "PayloadTooLarge"})
			return
		}
		c.take(w, r)
	}
	err := c.mover.blobs(t.Context())
	if err == nil || !strings.Contains(err.Error(), "--skip-missing-blobs") {
		t.Errorf("not told: %v", err)
	}
	slices.Sort(c.mover.state.Missing)
	if !slices.Equal(c.mover.state.Missing, []string{gone, forged, large}) {
		t.Errorf("missing %v", c.mover.state.Missing)
	}
	c.mover.SkipBlobs = true
	if err := c.mover.blobs(t.Context()); err != nil {
		t.Error(err)
	}
}

// A server that is busy is asked again, with the whole blob.
func TestBlobsAreCarriedAgain(t *testing.T) {
	c := newCarrying(t, 2)
	var mu sync.Mutex
	refused := 0
	c.new.answer["com.atproto.repo.uploadBlob"] = func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		refused++
		n := refused
		mu.Unlock()
		if n <= 3 {
			io.Copy(io.Discard, r.Body)
			say(w, []int{503, 502, 429}[n-1], map[string]string{"error": "Busy"})
			return
		}
		c.take(w, r)
	}
	if err := c.mover.blobs(t.Context()); err != nil || len(c.got) != 2 {
		t.Errorf("%v, %d arrived", err, len(c.got))
	}
}
