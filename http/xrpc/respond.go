package xrpc

import (
	"context"
	"fmt"
	"net/http"
	"sync"
)

// respond sends what a handler returned.
func (s *Server) respond(ctx context.Context, c *Call, b *bound, out any) error {
	switch out := out.(type) {
	case None:
		c.writer.Header()["Content-Length"] = noContent
		c.writer.WriteHeader(http.StatusOK)
		return nil
	case Stream:
		if out.ContentType == "" {
			out.ContentType = b.method.Output
		}
		return c.stream(ctx, out)
	case Content:
		return c.content(out)
	}
	if s.strict {
		if err := b.checkOutput(out); err != nil {
			return err
		}
	}
	return c.writeJSON(http.StatusOK, out)
}

func (b *bound) checkOutput(out any) error {
	text, err := appendJSON(nil, out)
	if err == nil {
		err = b.method.CheckOutput(text)
	}
	if err != nil {
		return &Error{Status: http.StatusInternalServerError, Cause: fmt.Errorf("the handler of %s answers against its lexicon: %w", b.NSID, err)}
	}
	return nil
}

// scratch is memory for a response while it is made.
type scratch struct{ text []byte }

func (s *scratch) Write(p []byte) (int, error) {
	s.text = append(s.text, p...)
	return len(p), nil
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

func newScratch() *scratch {
	s := scratches.Get().(*scratch)
	s.text = s.text[:0]
	return s
}

// keepScratch is the size beyond which memory is left to the collector.
const keepScratch = 64 << 10

func (s *scratch) release() {
	if cap(s.text) <= keepScratch {
		scratches.Put(s)
	}
}

// The values of headers that never change; shared by all answers.
var (
	contentJSON = []string{"application/json; charset=utf-8"}
	noContent   = []string{"0"}
)

// writeJSON sends a value, compressed when the client likes that and the text is worth it.
func (c *Call) writeJSON(status int, v any) error {
	plain := newScratch()
	defer plain.release()
	var err error
	if plain.text, err = appendJSON(plain.text, v); err != nil {
		return fmt.Errorf("encode response: %w", err)
	}
	body := plain.text

	h := c.writer.Header()
	h["Content-Type"] = contentJSON
	head := c.Request.Method == http.MethodHead
	if len(body) >= worthCompressing {
		h.Add("Vary", "Accept-Encoding")
		if coding := negotiate(c.Request); coding != "" && !head {
			packed := newScratch()
			defer packed.release()
			compress(packed, coding, body)
			h.Set("Content-Encoding", coding)
			body = packed.text
		}
	}
	h["Content-Length"] = []string{contentLength(int64(len(body)))}
	c.writer.WriteHeader(status)
	if !head {
		_, _ = c.writer.Write(body) // the client is gone: nobody is left to tell
	}
	return nil
}
