package xrpc

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
)

// Respond answers a request with a stream, for a Fallback. An error is to be given to Fail.
func Respond(r *http.Request, s Stream) error { return CallOf(r.Context()).stream(r.Context(), s) }

// stream sends a body that is written as it is made.
func (c *Call) stream(ctx context.Context, s Stream) error {
	if s.Close != nil {
		defer s.Close()
	}
	if s.Status == 0 {
		s.Status = http.StatusOK
	}
	w := &streamWriter{call: c, stream: s}
	if c.Request.Method == http.MethodHead {
		w.header()
		c.writer.WriteHeader(s.Status)
		return nil
	}
	if s.Write == nil {
		s.Write = func(context.Context, io.Writer) error { return nil }
	}
	defer w.release()
	if err := s.Write(ctx, w); err != nil {
		return err // fail answers, or cuts the connection if something was sent
	}
	return w.close()
}

// streamWriter holds the first bytes back: an error until then is still an ordinary answer, and a body that ends
// before is small enough to be sent whole, with its length and uncompressed.
type streamWriter struct {
	call   *Call
	stream Stream
	held   []byte
	begun  bool
	coding string
	packer packer
	sent   int64
}

func (w *streamWriter) Write(p []byte) (int, error) {
	if !w.begun {
		if len(w.held)+len(p) < worthCompressing {
			w.held = append(w.held, p...)
			return len(p), nil
		}
		if err := w.begin(); err != nil {
			return 0, err
		}
	}
	return w.pass(p)
}

func (w *streamWriter) pass(p []byte) (int, error) {
	w.sent += int64(len(p))
	if w.packer != nil {
		return w.packer.Write(p)
	}
	return w.call.writer.Write(p)
}

// header sets what is known before the body.
func (w *streamWriter) header() {
	h := w.call.writer.Header()
	maps.Copy(h, w.stream.Header)
	h.Set("Content-Type", w.stream.ContentType)
	if w.stream.Length > 0 {
		h.Set("Content-Length", contentLength(w.stream.Length))
	}
}

func (w *streamWriter) begin() error {
	w.begun = true
	w.header()
	h := w.call.writer.Header()
	if w.stream.Length <= 0 && h.Get("Content-Encoding") == "" && compressible(w.stream.ContentType) {
		h.Add("Vary", "Accept-Encoding")
		if w.coding = negotiate(w.call.Request); w.coding != "" {
			h.Set("Content-Encoding", w.coding)
			h.Del("Content-Length") // a handler may have set one for the plain body
			w.packer = packers(w.coding).Get().(packer)
			w.packer.Reset(w.call.writer)
		}
	}
	w.call.writer.WriteHeader(w.stream.Status)
	held := w.held
	w.held = nil
	_, err := w.pass(held)
	return err
}

// close ends a body that was written completely.
func (w *streamWriter) close() error {
	if !w.begun {
		w.begun = true
		w.header()
		if w.stream.Length <= 0 {
			w.call.writer.Header().Set("Content-Length", contentLength(int64(len(w.held))))
		}
		w.call.writer.WriteHeader(w.stream.Status)
		if _, err := w.pass(w.held); err != nil {
			return err
		}
	}
	if w.packer != nil {
		if err := w.packer.Close(); err != nil {
			return err
		}
	}
	if w.stream.Length > 0 && w.sent != w.stream.Length {
		return fmt.Errorf("stream of %d bytes was announced with %d", w.sent, w.stream.Length)
	}
	return nil
}

func (w *streamWriter) release() {
	if w.packer != nil {
		w.packer.Reset(io.Discard)
		packers(w.coding).Put(w.packer)
		w.packer = nil
	}
}
