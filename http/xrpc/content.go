package xrpc

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"time"
)

// Content as an O: bytes that lie somewhere, of which a client may take a part
// (Range, If-Range) or none that it has already (If-None-Match). They are sent
// as they are, never compressed: a part is a part of these bytes.
type Content struct {
	ContentType string
	ETag        string      // quoted
	Header      http.Header // further headers
	Body        io.ReadSeeker
	Close       func() // optional: called exactly once at the end
}

// content sends bytes, or the part of them that is asked for.
func (c *Call) content(o Content) error {
	if o.Close != nil {
		defer o.Close()
	}
	h := c.writer.Header()
	maps.Copy(h, o.Header)
	h.Set("Content-Type", o.ContentType)
	if o.ETag != "" {
		h.Set("Etag", o.ETag)
	}
	body := &watchedReader{ReadSeeker: o.Body}
	w := &contentWriter{ResponseWriter: c.writer}
	http.ServeContent(w, c.Request, "", time.Time{}, body)
	switch {
	case body.err != nil:
		return body.err // fail answers, or cuts the connection if something was sent
	case w.refused:
		for name := range o.Header {
			h.Del(name) // of the body that is not sent
		}
		return &Error{Status: http.StatusRequestedRangeNotSatisfiable, Name: names[http.StatusBadRequest], Message: "The requested range is not part of the content"}
	}
	return nil
}

// watchedReader remembers what went wrong with the bytes: ServeContent drops
// it, or tells it to the client.
type watchedReader struct {
	io.ReadSeeker
	err error
}

func (r *watchedReader) Read(p []byte) (int, error) {
	n, err := r.ReadSeeker.Read(p)
	if err != nil && err != io.EOF {
		r.err = fmt.Errorf("read content: %w", err)
	}
	return n, err
}

func (r *watchedReader) Seek(offset int64, whence int) (int64, error) {
	n, err := r.ReadSeeker.Seek(offset, whence)
	if err != nil {
		r.err = fmt.Errorf("seek content: %w", err)
	}
	return n, err
}

// contentWriter holds back the errors that ServeContent writes: they are
// answered like all others.
type contentWriter struct {
	http.ResponseWriter
	refused bool
}

func (w *contentWriter) WriteHeader(status int) {
	if w.refused = status >= 400; !w.refused {
		w.ResponseWriter.WriteHeader(status)
	}
}

func (w *contentWriter) Write(p []byte) (int, error) {
	if w.refused {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}
