package migrate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"sync"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
	"golang.org/x/sync/errgroup"
)

// errNoBlob: whoever should have a blob does not.
var errNoBlob = errors.New("the server does not have it")

// blobStream is a blob on its way.
type blobStream struct {
	io.ReadCloser
	size int64 // -1: not known
	mime string
}

// fetchBlob opens a blob of a server.
func fetchBlob(ctx context.Context, from *server, did syntax.DID, id cid.Cid) (blobStream, error) {
	res, err := from.send(ctx, request{method: "com.atproto.sync.getBlob", query: url.Values{"did": {did.String()}, "cid": {id.String()}}})
	if refusedWith(err, http.StatusNotFound, http.StatusBadRequest) && !refusedAs(err, "RepoNotFound", "RepoTakendown", "RepoDeactivated", "InvalidToken") {
		return blobStream{}, fmt.Errorf("%w (%w)", errNoBlob, err)
	}
	if err != nil {
		return blobStream{}, err
	}
	kind := res.Header.Get("Content-Type")
	if _, _, err := mime.ParseMediaType(kind); err != nil {
		kind = "application/octet-stream"
	}
	return blobStream{res.Body, res.ContentLength, kind}, nil
}

// crew does the same to many blobs, a bounded number at a time, each once
// however often it is named while it is under way. Only what is under way is
// held in memory.
type crew struct {
	group *errgroup.Group
	ctx   context.Context
	work  func(context.Context, cid.Cid) error

	mu   sync.Mutex // of those who work
	busy map[cid.Cid]bool
}

func newCrew(ctx context.Context, workers int, work func(context.Context, cid.Cid) error) *crew {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(workers, 1))
	return &crew{group: g, ctx: ctx, work: work, busy: map[cid.Cid]bool{}}
}

// take hands a blob to the next who is free. The error is why there is no point in going on.
func (c *crew) take(id cid.Cid) error {
	if c.ctx.Err() != nil {
		return context.Cause(c.ctx)
	}
	c.mu.Lock()
	busy := c.busy[id]
	c.busy[id] = true
	c.mu.Unlock()
	if busy {
		return nil
	}
	c.group.Go(func() error {
		defer func() {
			c.mu.Lock()
			delete(c.busy, id)
			c.mu.Unlock()
		}()
		return c.work(c.ctx, id)
	})
	return nil
}

// wait is for all of them; err is what kept the caller from taking more.
func (c *crew) wait(err error) error {
	if first := c.group.Wait(); first != nil {
		return first
	}
	return err
}
