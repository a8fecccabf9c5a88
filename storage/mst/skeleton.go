package mst

import (
	"errors"

	"github.com/ipfs/go-cid"

	"troupe/storage/car"
)

type Source interface {
	Node(c cid.Cid) ([]byte, error)
}

var (
	ErrMissing   = errors.New("node is missing")
	ErrInvalid   = errors.New("invalid tree")
	ErrKeyExists = errors.New("key exists")
	ErrKeyAbsent = errors.New("key is absent")
)

type Tree struct{}
type Edit struct{}
type Changes struct {
	Root    cid.Cid
	New     []car.Block
	Removed []cid.Cid
}
type Step struct {
	Node  *car.Block
	Key   string
	Value cid.Cid
}
type DiffOp struct {
	Key      string
	Old, New cid.Cid
}
type Op struct {
	Key         string
	Value, Prev cid.Cid
}

func Empty() *Tree                                                               { panic("skeleton") }
func Load(root cid.Cid, src Source) *Tree                                        { panic("skeleton") }
func (t *Tree) Root() cid.Cid                                                    { panic("skeleton") }
func (t *Tree) Forget() *Tree                                                    { panic("skeleton") }
func (t *Tree) Over(src Source) *Tree                                            { panic("skeleton") }
func (t *Tree) Get(key string) (cid.Cid, bool, error)                            { panic("skeleton") }
func (t *Tree) Walk(from string, fn func(key string, value cid.Cid) error) error { panic("skeleton") }
func (t *Tree) Preorder(fn func(Step) error) error                               { panic("skeleton") }
func (t *Tree) Path(key string) ([]car.Block, error)                             { panic("skeleton") }
func (t *Tree) Proof(keys ...string) ([]car.Block, error)                        { panic("skeleton") }
func (t *Tree) Edit() *Edit                                                      { panic("skeleton") }
func (e *Edit) Create(key string, v cid.Cid) error                               { panic("skeleton") }
func (e *Edit) Update(key string, v cid.Cid) (cid.Cid, error)                    { panic("skeleton") }
func (e *Edit) Delete(key string) (cid.Cid, error)                               { panic("skeleton") }
func (e *Edit) Get(key string) (cid.Cid, bool, error)                            { panic("skeleton") }
func (e *Edit) Finish() (*Tree, Changes, error)                                  { panic("skeleton") }
func Diff(old, new *Tree) ([]DiffOp, error)                                      { panic("skeleton") }
func Invert(t *Tree, ops []Op) (*Tree, error)                                    { panic("skeleton") }
func Height(key string) int                                                      { panic("skeleton") }
func ValidKey(key string) error                                                  { panic("skeleton") }
