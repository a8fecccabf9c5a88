package dag

import (
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
)

type Blob struct {
	CID      cid.Cid
	MimeType string
	Size     int64
}
type Record struct {
	Bytes []byte
	CID   cid.Cid
	Blobs []Blob
}
type Limits struct{ Depth, Bytes int }

var RecordLimits = Limits{Depth: 64, Bytes: 1_000_000}

type Kind uint8

const (
	KindEnd Kind = iota
	KindInt
	KindBytes
	KindText
	KindArray
	KindMap
	KindCID
	KindBool
	KindNull
	KindInvalid
)

type Reader struct{ b []byte }

func FromJSON(src []byte, l Limits) (Record, error) { panic("skeleton") }
func FromJSONWithType(src []byte, typ syntax.NSID, l Limits) (Record, error) {
	panic("skeleton")
}
func AppendJSON(dst, cbor []byte) ([]byte, error) { panic("skeleton") }
func Check(cbor []byte, l Limits) error           { panic("skeleton") }
func Decode(cbor []byte) (any, error)             { panic("skeleton") }
func Blobs(cbor []byte) ([]Blob, error)           { panic("skeleton") }
func NewReader(b []byte) *Reader                  { return &Reader{b} }
func (r *Reader) Map() (int, error)               { panic("skeleton") }
func (r *Reader) Array() (int, error)             { panic("skeleton") }
func (r *Reader) Text() (string, error)           { panic("skeleton") }
func (r *Reader) Key() (string, error)            { panic("skeleton") }
func (r *Reader) Bytes() ([]byte, error)          { panic("skeleton") }
func (r *Reader) Int() (int64, error)             { panic("skeleton") }
func (r *Reader) Bool() (bool, error)             { panic("skeleton") }
func (r *Reader) CID() (cid.Cid, error)           { panic("skeleton") }
func (r *Reader) IsNull() bool                    { panic("skeleton") }
func (r *Reader) Raw() ([]byte, error)            { panic("skeleton") }
func (r *Reader) Skip() error                     { panic("skeleton") }
func (r *Reader) Kind() Kind                      { panic("skeleton") }
func (r *Reader) Rest() []byte                    { panic("skeleton") }
func (r *Reader) Done() bool                      { panic("skeleton") }
