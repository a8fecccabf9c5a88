package car

import (
	"errors"
	"io"

	"github.com/ipfs/go-cid"
)

var ErrInvalid = errors.New("invalid CAR")

type Block struct {
	CID  cid.Cid
	Data []byte
}
type Limits struct {
	Block int
	Total int64
}
type Writer struct{}
type Reader struct{}

func NewWriter(w io.Writer, roots ...cid.Cid) (*Writer, error)      { panic("skeleton") }
func (w *Writer) Put(c cid.Cid, data []byte) error                  { panic("skeleton") }
func AppendHeader(dst []byte, roots ...cid.Cid) []byte              { panic("skeleton") }
func AppendBlock(dst []byte, c cid.Cid, data []byte) []byte         { panic("skeleton") }
func NewReader(r io.Reader, l Limits) (*Reader, error)              { panic("skeleton") }
func (r *Reader) Roots() []cid.Cid                                  { panic("skeleton") }
func (r *Reader) Next() (Block, error)                              { panic("skeleton") }
func ReadAll(b []byte) (roots []cid.Cid, blocks []Block, err error) { panic("skeleton") }
