package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/ipfs/go-cid"
)

// checked reads exactly size bytes and compares them with a CID. It keeps the
// last of them back until they have proved right: whoever copies from it to
// somewhere that wants size bytes never finishes with wrong ones.
type checked struct {
	ctx  context.Context
	r    io.Reader
	want []byte
	size int64
	left int64
	sum  hash.Hash
	err  error // sticky; io.EOF at the good end
}

func newChecked(ctx context.Context, c cid.Cid, size int64, r io.Reader) *checked {
	return &checked{ctx: ctx, r: r, want: digest(c), size: size, left: size, sum: sha256.New()}
}

func (c *checked) Read(p []byte) (int, error) {
	if c.err == nil && c.left == 0 { // no byte at all was asked for
		c.err = c.verify()
	}
	if c.err != nil {
		return 0, c.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.sum.Write(p[:n])
	c.left -= int64(n)
	switch {
	case c.left == 0:
		if c.err = c.verify(); c.err != io.EOF {
			return 0, c.err
		}
	case err == io.EOF:
		c.err = fmt.Errorf("%w: %d of %d bytes are missing", ErrMismatch, c.left, c.size)
		return n, c.err
	case err != nil:
		c.err = err
		return n, err
	}
	return n, nil
}

// verify is asked when size bytes have been read.
func (c *checked) verify() error {
	if !bytes.Equal(c.sum.Sum(nil), c.want) {
		return ErrMismatch
	}
	var one [1]byte
	switch n, err := io.ReadFull(c.r, one[:]); {
	case n > 0:
		return fmt.Errorf("%w: more than %d bytes", ErrMismatch, c.size)
	case err != nil && err != io.EOF:
		return err
	}
	return io.EOF
}

// again is a checked that can go back to its start, for whoever has to send
// everything once more.
type again struct{ *checked }

// resend gives c the ability, if what it reads has it.
func (c *checked) resend() io.Reader {
	if _, ok := c.r.(io.Seeker); ok {
		return again{c}
	}
	return c
}

func (a again) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekStart {
		return 0, errors.ErrUnsupported
	}
	if errors.Is(a.err, ErrMismatch) {
		return 0, a.err // wrong bytes stay wrong
	}
	if _, err := a.r.(io.Seeker).Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	a.left, a.err = a.size, nil
	a.sum.Reset()
	return 0, nil
}
