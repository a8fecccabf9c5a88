package xrpc

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
)

// respond sends what a handler returned.
func (s *Server) respond(ctx context.Context, c *Call, b *bound, out any) error {
	switch out := out.(type) {
	case None:
		c.writer.Header().Set("Content-Length", "0")
		c.writer.WriteHeader(http.StatusOK)
		return nil
	case Stream:
		if out.ContentType == "" {
			out.ContentType = b.method.Output
		}
		return c.stream(ctx, out)
	}
	if s.strict {
		if err := b.checkOutput(out); err != nil {
			return err
		}
	}
	return c.writeJSON(http.StatusOK, out)
}

func (b *bound) checkOutput(out any) error {
	text, err := json.Marshal(out)
	if err == nil {
		err = b.method.CheckOutput(text)
	}
	if err != nil {
		return &Error{Status: http.StatusInternalServerError, Cause: fmt.Errorf("the handler of %s answers against its lexicon: %w", b.NSID, err)}
	}
	return nil
}

// buffers for responses; see keepBuffer.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// keepBuffer is the size beyond which a buffer is left to the collector.
const keepBuffer = 64 << 10

// writeJSON sends a value, compressed when the client likes that and the text is worth it.
func (c *Call) writeJSON(status int, v any) error {
	buf := buffers.Get().(*bytes.Buffer)
	buf.Reset()
	defer func() {
		if buf.Cap() <= keepBuffer {
			buffers.Put(buf)
		}
	}()
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encode response: %w", err)
	}
	body := bytes.TrimSuffix(buf.Bytes(), []byte("\n"))

	h := c.writer.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	head := c.Request.Method == http.MethodHead
	if len(body) >= worthCompressing {
		h.Add("Vary", "Accept-Encoding")
		if coding := negotiate(c.Request); coding != "" && !head {
			packed := buffers.Get().(*bytes.Buffer)
			packed.Reset()
			defer func() {
				if packed.Cap() <= keepBuffer {
					buffers.Put(packed)
				}
			}()
			compress(packed, coding, body)
			h.Set("Content-Encoding", coding)
			body = packed.Bytes()
		}
	}
	h.Set("Content-Length", contentLength(int64(len(body))))
	c.writer.WriteHeader(status)
	if !head {
		_, _ = c.writer.Write(body) // the client is gone: nobody is left to tell
	}
	return nil
}
