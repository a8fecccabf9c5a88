package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	nethttp "net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/atdata"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"troupe/cmd/pds/audit"
)

const (
	posts    = "app.bsky.feed.post"
	likes    = "app.bsky.feed.like"
	notes    = "com.example.crash.note" // no lexicon, any size
	subjects = 5                        // of likes; few, so that duplicates are common
)

// errNotSent says that a request never left: nobody listened.
var errNotSent = errors.New("not sent")

// crashAccount is an account that writers share.
type crashAccount struct {
	DID    syntax.DID `json:"did"`
	Handle string     `json:"handle"`
	Access string     `json:"accessJwt"`
}

// call asks one procedure. status 0: no answer; the error then says whether
// the request was sent.
func call(ctx context.Context, c *nethttp.Client, url, token, nsid string, in, out any) (status int, err error) {
	b, err := json.Marshal(in)
	if err != nil {
		return 0, err
	}
	req, err := nethttp.NewRequestWithContext(ctx, nethttp.MethodPost, url+"/xrpc/"+nsid, bytes.NewReader(b))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := c.Do(req)
	if op := (*net.OpError)(nil); errors.As(err, &op) && op.Op == "dial" {
		return 0, errNotSent
	}
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err // half an answer is none
	}
	if res.StatusCode != nethttp.StatusOK {
		return res.StatusCode, errors.New(string(body))
	}
	return res.StatusCode, json.Unmarshal(body, out)
}

func signUp(ctx context.Context, c *nethttp.Client, url, handle string) (a crashAccount, status int, err error) {
	status, err = call(ctx, c, url, "", "com.atproto.server.createAccount", map[string]any{
		"handle": handle, "email": strings.TrimSuffix(handle, ".test") + "@example.com", "password": "crash-password",
	}, &a)
	return a, status, err
}

// resolve asks whose name it is, and fails until that account is active.
func resolve(ctx context.Context, c *nethttp.Client, url, handle string) (syntax.DID, error) {
	var out struct {
		DID    syntax.DID `json:"did"`
		Active bool       `json:"active"`
	}
	for _, q := range []func() string{
		func() string { return "com.atproto.identity.resolveHandle?handle=" + handle },
		func() string { return "com.atproto.sync.getRepoStatus?did=" + out.DID.String() },
	} {
		req, err := nethttp.NewRequestWithContext(ctx, nethttp.MethodGet, url+"/xrpc/"+q(), nil)
		if err != nil {
			return "", err
		}
		res, err := c.Do(req)
		if err != nil {
			return "", err
		}
		err = json.NewDecoder(res.Body).Decode(&out)
		res.Body.Close()
		if err != nil {
			return "", err
		}
	}
	if !out.Active {
		return "", fmt.Errorf("%q is not active", out.DID)
	}
	return out.DID, nil
}

// tally counts answers by what they were.
type tally struct {
	mu sync.Mutex
	n  map[string]int
}

func (t *tally) add(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n == nil {
		t.n = map[string]int{}
	}
	t.n[what]++
}

// crashWriter writes to random accounts and notes what it was told.
type crashWriter struct {
	id       int
	url      string
	rand     *rand.Rand
	client   *nethttp.Client
	accounts []crashAccount
	acks     *audit.Acks
	answers  *tally
	n        int
	own      map[syntax.DID][]string // paths that only this writer touches
}

// run writes until ctx ends, and lets the last write finish.
func (w *crashWriter) run(ctx context.Context, t *testing.T) {
	for ctx.Err() == nil {
		a := w.accounts[w.rand.IntN(len(w.accounts))]
		nsid, in, write := w.next(a)
		w.do(ctx, t, a, nsid, in, write)
		time.Sleep(time.Duration(w.rand.IntN(10)) * time.Millisecond)
	}
}

// do sends a write, a put again until it is answered, and notes the outcome.
func (w *crashWriter) do(ctx context.Context, t *testing.T, a crashAccount, nsid string, in map[string]any, write audit.Write) {
	sent := false
	for {
		var out struct {
			Commit *struct {
				CID string     `json:"cid"`
				Rev syntax.TID `json:"rev"`
			} `json:"commit"`
		}
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		status, err := call(limit, w.client, w.url, a.Access, nsid, in, &out)
		cancel()
		sent = sent || !errors.Is(err, errNotSent)
		switch {
		case errors.Is(err, errNotSent):
			if !sent && ctx.Err() != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
			if sent && ctx.Err() != nil {
				w.acks.Add(write)
				return
			}
			continue
		case status == nethttp.StatusOK && out.Commit != nil:
			w.answers.add("200 with a commit")
			c, err := cid.Decode(out.Commit.CID)
			if err != nil {
				t.Errorf("%s: %v", nsid, err)
			}
			write.Answer, write.Rev, write.Commit = audit.Committed, out.Commit.Rev, c
		case status == nethttp.StatusOK:
			w.answers.add("200 unchanged")
			write.Answer = audit.Unchanged
		case status >= 400 && status < 500:
			w.answers.add(fmt.Sprintf("%d %.60s", status, err))
			write.Answer = audit.Refused
		default:
			if status == 0 {
				w.answers.add("no answer")
			} else {
				w.answers.add(fmt.Sprintf("%d %.60s", status, err))
			}
			if nsid == "com.atproto.repo.putRecord" && ctx.Err() == nil {
				continue
			}
		}
		w.acks.Add(write)
		return
	}
}

// next chooses a write. What it is called by the server is what write expects.
func (w *crashWriter) next(a crashAccount) (nsid string, in map[string]any, write audit.Write) {
	write = audit.Write{DID: a.DID}
	in = map[string]any{"repo": a.DID}
	one := func(collection, rkey string, rec map[string]any) {
		in["collection"], in["record"] = collection, rec
		op := audit.Op{CID: recordCID(rec)}
		if rkey != "" {
			in["rkey"] = rkey
			op.Path = collection + "/" + rkey
		}
		write.Ops = []audit.Op{op}
	}
	switch dice := w.rand.IntN(100); {
	case dice < 30:
		one(posts, "", w.post())
		write.Ops[0].Action = "create"
		return "com.atproto.repo.createRecord", in, write
	case dice < 50:
		one(likes, "", w.like())
		write.Ops[0].Action, write.Extra = "create", true
		return "com.atproto.repo.createRecord", in, write
	case dice < 70:
		path := w.path(a.DID)
		_, rkey, _ := strings.Cut(path, "/")
		one(notes, rkey, w.note())
		return "com.atproto.repo.putRecord", in, write
	case dice < 82:
		path := w.path(a.DID)
		in["collection"], in["rkey"], _ = strings.Cut(path, "/")
		write.Ops = []audit.Op{{Action: "delete", Path: path}}
		return "com.atproto.repo.deleteRecord", in, write
	}
	return w.batch(a, in, write)
}

// batch is creates of new paths and updates or deletes of old ones. If an old
// one is not there, all of it is refused.
func (w *crashWriter) batch(a crashAccount, in map[string]any, write audit.Write) (string, map[string]any, audit.Write) {
	const t = "com.atproto.repo.applyWrites#"
	var writes []map[string]any
	for range 1 + w.rand.IntN(8) {
		rec := w.post()
		rkey := syntax.NewTID(int64(w.n), uint(w.id)).String()
		writes = append(writes, map[string]any{"$type": t + "create", "collection": posts, "rkey": rkey, "value": rec})
		write.Ops = append(write.Ops, audit.Op{Action: "create", Path: posts + "/" + rkey, CID: recordCID(rec)})
	}
	if old := w.own[a.DID]; len(old) > 0 && w.rand.IntN(2) == 0 {
		path := old[w.rand.IntN(len(old))]
		collection, rkey, _ := strings.Cut(path, "/")
		if w.rand.IntN(2) == 0 {
			rec := w.note()
			writes = append(writes, map[string]any{"$type": t + "update", "collection": collection, "rkey": rkey, "value": rec})
			write.Ops = append(write.Ops, audit.Op{Action: "update", Path: path, CID: recordCID(rec)})
		} else {
			writes = append(writes, map[string]any{"$type": t + "delete", "collection": collection, "rkey": rkey})
			write.Ops = append(write.Ops, audit.Op{Action: "delete", Path: path})
		}
	}
	in["writes"] = writes
	return "com.atproto.repo.applyWrites", in, write
}

// path is one of the writer's own notes in an account, or a new one.
func (w *crashWriter) path(did syntax.DID) string {
	if old := w.own[did]; len(old) > 2 || len(old) > 0 && w.rand.IntN(2) == 0 {
		return old[w.rand.IntN(len(old))]
	}
	path := fmt.Sprintf("%s/w%d-%d", notes, w.id, len(w.own[did]))
	w.own[did] = append(w.own[did], path)
	return path
}

// text is never the same twice, so that every record has a CID of its own.
func (w *crashWriter) text() string {
	w.n++
	return fmt.Sprintf("writer %d number %d", w.id, w.n)
}

func (w *crashWriter) post() map[string]any {
	return map[string]any{"$type": posts, "text": w.text(), "createdAt": "2026-01-02T03:04:05Z"}
}

func (w *crashWriter) note() map[string]any {
	return map[string]any{"$type": notes, "text": w.text(), "padding": strings.Repeat("x", w.rand.IntN(1<<w.rand.IntN(15)))}
}

func (w *crashWriter) like() map[string]any {
	w.n++
	at := time.UnixMicro(1700000000_000000 + int64(w.id)*1_000_000_000 + int64(w.n)).UTC()
	n := w.rand.IntN(subjects)
	return map[string]any{
		"$type": likes, "createdAt": at.Format("2006-01-02T15:04:05.000000Z"),
		"subject": map[string]any{
			"uri": fmt.Sprintf("at://did:plc:ewvi7nxzyoun6zhxrhs64oiz/app.bsky.feed.post/3jzfcijpj2z2%c", 'a'+n),
			"cid": "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a",
		},
	}
}

// recordCID is what a record will be called, by indigo's encoder.
func recordCID(rec map[string]any) cid.Cid {
	b, err := atdata.MarshalCBOR(rec)
	if err != nil {
		panic(err)
	}
	c, err := cid.NewPrefixV1(cid.DagCBOR, multihash.SHA2_256).Sum(b)
	if err != nil {
		panic(err)
	}
	return c
}
