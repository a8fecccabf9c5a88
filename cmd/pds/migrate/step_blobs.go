package migrate

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"sync"

	"github.com/ipfs/go-cid"
)

// blobCarrier brings blobs and counts them.
type blobCarrier struct {
	*Mover
	types map[string]string // of an export

	mu    sync.Mutex // several blobs are under way
	count int
	bytes int64
	lost  map[string]string // and why
}

// blobs brings what the new server misses, until it misses nothing that can be had.
func (m *Mover) blobs(ctx context.Context) error {
	c := &blobCarrier{Mover: m, lost: map[string]string{}}
	if m.From != "" {
		var err error
		if c.types, err = m.From.blobTypes(); err != nil {
			return err
		}
	}
	for {
		before := c.count
		if err := c.round(ctx); err != nil {
			return err
		}
		// Once more: records may have come in the meantime, and some servers
		// list no more than a page.
		if c.count == before {
			break
		}
	}
	m.note(fmt.Sprintf("%d brought, %s", c.count, Bytes(c.bytes)))
	m.state.Missing = nil
	for id, why := range c.lost {
		m.state.Missing = append(m.state.Missing, id)
		m.note(fmt.Sprintf("cannot be had: %s: %s", id, why))
	}
	if len(c.lost) > 0 && !m.SkipBlobs {
		return &Problem{What: fmt.Sprintf("%d blobs cannot be brought to the new server", len(c.lost)), Do: "Look at the reasons above; to go on without these pictures and videos, give --skip-missing-blobs."}
	}
	return nil
}

// round goes once through the list of what is missing.
func (c *blobCarrier) round(ctx context.Context) error {
	crew := newCrew(ctx, c.Workers, c.carry)
	cursor := ""
	return crew.wait(func() error {
		for {
			q := url.Values{"limit": {"500"}}
			if cursor != "" {
				q.Set("cursor", cursor)
			}
			var page struct {
				Cursor string
				Blobs  []struct{ CID string }
			}
			if err := c.new.query(ctx, "com.atproto.repo.listMissingBlobs", q, &page); err != nil {
				return err
			}
			for _, b := range page.Blobs {
				id, err := parseBlobCID(b.CID)
				if err != nil {
					return err
				}
				c.mu.Lock()
				_, lost := c.lost[b.CID]
				c.mu.Unlock()
				if lost {
					continue
				}
				if err := crew.take(id); err != nil {
					return err
				}
			}
			if page.Cursor == "" || page.Cursor == cursor || len(page.Blobs) == 0 {
				return nil
			}
			cursor = page.Cursor
		}
	}())
}

// carry brings one blob. What is the blob's own fault is noted, not returned.
func (c *blobCarrier) carry(ctx context.Context, id cid.Cid) error {
	var err error
	for try := 1; ; try++ {
		if err = c.carryOnce(ctx, id); err == nil {
			return nil
		}
		pause, again := retry(err, try)
		if refusedAs(err, "ExpiredToken") { // which was renewed on the way
			pause, again = 0, true
		}
		if ctx.Err() != nil || errors.Is(err, errNoBlob) || !again || try == tries {
			break
		}
		if werr := c.new.wait(ctx, pause); werr != nil {
			return werr
		}
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, errNoBlob), errors.Is(err, errOtherBytes),
		refusedWith(err, http.StatusRequestEntityTooLarge), refusedWith(err, http.StatusBadRequest) && !refusedAs(err, "InvalidToken"):
		c.mu.Lock()
		defer c.mu.Unlock()
		c.lost[id.String()] = err.Error()
		return nil
	case refusedWith(err, http.StatusTooManyRequests):
		return &Problem{What: "the new server takes no more blobs for now", Do: "Run the same command again later: it goes on with the blobs that are missing.", Err: err}
	}
	return err
}

var errOtherBytes = errors.New("other bytes arrived than its name says")

func (c *blobCarrier) carryOnce(ctx context.Context, id cid.Cid) error {
	b, err := c.open(ctx, id)
	if err != nil {
		return err
	}
	in := newChecked(b)
	var out struct {
		Blob struct {
			Ref struct {
				Link string `json:"$link"`
			}
		}
	}
	defer b.Close()
	err = c.new.call(ctx, request{method: "com.atproto.repo.uploadBlob", post: true, stream: true, mime: b.mime, size: b.size,
		body: func() (io.ReadCloser, error) { return io.NopCloser(in), nil }}, &out)
	if err != nil {
		return err
	}
	if !in.is(id) || out.Blob.Ref.Link != id.String() {
		return fmt.Errorf("%w (%s)", errOtherBytes, out.Blob.Ref.Link)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count++
	c.bytes += in.n
	if c.count%100 == 0 {
		c.note(fmt.Sprintf("%d, %s", c.count, Bytes(c.bytes)))
	}
	return nil
}

func (c *blobCarrier) open(ctx context.Context, id cid.Cid) (blobStream, error) {
	if c.From == "" {
		return fetchBlob(ctx, c.old, c.state.DID, id)
	}
	f, err := os.Open(c.From.blob(id))
	if err != nil {
		return blobStream{}, fmt.Errorf("%w: %w", errNoBlob, err)
	}
	info, err := f.Stat()
	if err != nil {
		return blobStream{}, errors.Join(err, f.Close())
	}
	kind := c.types[id.String()]
	if kind == "" {
		kind = "application/octet-stream" // the server looks at the bytes
	}
	return blobStream{f, info.Size(), kind}, nil
}

// blobTypes reads the types of the blobs of an export: some hundred bytes of memory each.
func (f Folder) blobTypes() (map[string]string, error) {
	file, err := os.Open(f.path(blobTypesFile))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	all, kinds := map[string]string{}, map[string]string{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var t blobType
		if json.Unmarshal(lines.Bytes(), &t) != nil {
			continue // a line that a crash has cut off
		}
		if _, ok := kinds[t.MimeType]; !ok {
			kinds[t.MimeType] = t.MimeType
		}
		all[t.CID] = kinds[t.MimeType]
	}
	return all, nil
}
