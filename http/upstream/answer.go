package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"troupe/actors/outbound"
	"troupe/http/xrpc"
)

// Answer is what an upstream said, and not an error. It belongs to whoever
// called; it holds a place at the upstream's gate until it is closed.
type Answer struct {
	Status int
	Header http.Header // what a client may see of it

	client *Client
	method string      // of the request
	sent   http.Header // as it came
	length int64
	body   *patientBody
	held   int64  // bytes that count against Client.held
	whole  []byte // the decoded body, once it was read
	read   bool
}

// Body reads the whole body, decoded. Beyond PDS_PROXY_MAX_RESPONSE_SIZE, or in
// a coding that is broken or unknown, it is a *xrpc.Error (502). It may be called
// again.
func (a *Answer) Body() ([]byte, error) {
	if a.read {
		return a.whole, nil
	}
	text, err := a.decoded(a.client.options.MaxResponse)
	if err != nil {
		a.Close()
		return nil, a.client.failed(unreadable(err))
	}
	a.whole, a.read = text, true
	for _, name := range []string{"Content-Length", "Content-Encoding"} {
		a.Header.Del(name) // of the body as it was sent
	}
	return text, nil
}

// brotliWindow is the memory that an upstream can make a brotli decoder take.
const brotliWindow = 16 << 20

// errMemory: too much is held by other answers.
var errMemory = &xrpc.Error{Status: http.StatusServiceUnavailable, Message: "The server has no room for another answer",
	Header: http.Header{"Retry-After": {"2"}}}

// decoded reads at most max bytes of the decoded body. Memory is counted as it
// is taken, not as it is announced.
func (a *Answer) decoded(max int64) ([]byte, error) {
	coding := strings.ToLower(strings.TrimSpace(a.sent.Get("Content-Encoding")))
	if coding == "" || coding == "identity" {
		if a.length > max {
			return nil, outbound.ErrTooLarge
		}
		return a.collect(a.body, max)
	}
	if coding == "br" {
		if !a.client.held.take(brotliWindow) {
			return nil, errMemory
		}
		defer a.client.held.give(brotliWindow)
	}
	plain, err := xrpc.Decompress(a.body, coding)
	if err != nil {
		return nil, a.broken(err)
	}
	text, err := a.collect(plain, max)
	if err != nil {
		return nil, a.broken(err)
	}
	// What follows the coded text would keep the connection from being used again.
	a.body.idle = drainTime
	_, _ = io.CopyN(io.Discard, a.body, maxError)
	return text, nil
}

// broken keeps what a decoder says about a body from being told to a client as
// if it were his.
func (a *Answer) broken(err error) error {
	if cause := context.Cause(a.body.ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	if err == errMemory || errors.Is(err, outbound.ErrTooLarge) || errors.Is(err, context.Canceled) {
		return err
	}
	return errors.New("upstream: broken coding: " + err.Error())
}

const collectStart = 8 << 10

func (a *Answer) collect(from io.Reader, max int64) ([]byte, error) {
	var text []byte
	size := int64(collectStart)
	if a.length > 0 && a.length <= 64<<10 {
		size = a.length + 1
	}
	for {
		if len(text) == cap(text) {
			if !a.client.held.take(size) {
				return nil, errMemory
			}
			a.held += size
			grown := make([]byte, len(text), int64(cap(text))+size)
			copy(grown, text)
			text, size = grown, int64(cap(grown)) // doubles
		}
		n, err := from.Read(text[len(text):cap(text)])
		text = text[:len(text)+n]
		if int64(len(text)) > max {
			return nil, outbound.ErrTooLarge
		}
		if err == io.EOF {
			return text, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// Stream hands the answer to the client: as it came, or, if Body was called, what
// that returned. It closes the answer at its end.
func (a *Answer) Stream() xrpc.Stream {
	s := xrpc.Stream{Status: a.Status, Header: a.Header.Clone(), ContentType: a.Header.Get("Content-Type"), Close: a.Close}
	if s.ContentType == "" {
		s.ContentType = "application/json"
	}
	if a.read {
		s.Length = int64(len(a.whole))
		s.Write = func(_ context.Context, w io.Writer) error {
			_, err := io.Copy(w, bytes.NewReader(a.whole))
			return err
		}
		return s
	}
	s.Length = a.length
	s.Write = func(_ context.Context, w io.Writer) error { return a.copyTo(w, nil) }
	return s
}

// Close ends the answer. It may be called again.
func (a *Answer) Close() {
	_ = a.body.Close() // nobody waits for what else it had to say
	a.client.held.give(a.held)
	a.held = 0
}

// copyTo passes the body on through one buffer. flush, if there is one, is called
// after each piece.
func (a *Answer) copyTo(w io.Writer, flush func() error) error {
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	for {
		n, err := a.body.Read(*buffer)
		if n > 0 {
			if _, err := w.Write((*buffer)[:n]); err != nil {
				return err
			}
			if flush != nil {
				if err := flush(); err != nil {
					return err
				}
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return a.client.failed(fmt.Errorf("%w: %w", errLost, err))
		}
	}
}
