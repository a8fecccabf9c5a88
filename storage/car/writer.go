package car

import (
	"io"

	"github.com/ipfs/go-cid"
)

// Writer writes a file block by block. It keeps nothing back: what Put was
// given is with the io.Writer when Put returns, so there is nothing to flush.
type Writer struct {
	w   io.Writer
	buf []byte // a block on its way, so that it is one Write
}

// NewWriter writes the header. An error is that of w.
func NewWriter(w io.Writer, roots ...cid.Cid) (*Writer, error) {
	header := AppendHeader(nil, roots...)
	if _, err := w.Write(header); err != nil {
		return nil, err
	}
	return &Writer{w: w, buf: header[:0]}, nil
}

// small is up to where copying a block is cheaper than a second Write.
const small = 16 << 10

// Put writes one block. That data is what c names is the caller's word. An
// error is that of the io.Writer; the file is spoilt then.
func (w *Writer) Put(c cid.Cid, data []byte) error {
	w.buf = appendPrefix(w.buf[:0], c, len(data))
	if len(data) <= small {
		w.buf = append(w.buf, data...)
		data = nil
	}
	if _, err := w.w.Write(w.buf); err != nil || len(data) == 0 {
		return err
	}
	_, err := w.w.Write(data)
	return err
}
