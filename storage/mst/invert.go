package mst

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ipfs/go-cid"
)

// Op is one record operation of a commit, with the value it replaced.
type Op struct {
	Key   string
	Value cid.Cid // cid.Undef: deleted
	Prev  cid.Cid // cid.Undef: created
}

// Invert undoes the operations of a commit on the tree they led to and returns
// the tree from before. t may be partial, over the blocks of the commit's event;
// the root of what it returns is then to be compared with the root that was
// known (prevData; Sync specification, "Commit Validation"), and nothing else of
// it may be used. Errors: ErrMissing if the blocks do not cover the operations;
// ErrKeyAbsent, ErrKeyExists or ErrInvalid if they are not what led to t.
func Invert(t *Tree, ops []Op) (*Tree, error) {
	ops = slices.Clone(ops)
	// Deleted keys first: with them back, fewer subtrees have to be joined, which
	// takes more nodes than parting them. Publishers with proofs of the least
	// size rely on this order.
	slices.SortFunc(ops, func(a, b Op) int {
		if a.Value.Defined() != b.Value.Defined() {
			if b.Value.Defined() {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Key, b.Key)
	})
	seen := make(map[string]bool, len(ops))
	for _, op := range ops {
		if seen[op.Key] {
			return nil, invalid("two operations on %q", op.Key)
		}
		seen[op.Key] = true
	}
	e := t.Edit()
	e.partial = true
	for _, op := range ops {
		if err := e.undo(op); err != nil {
			return nil, fmt.Errorf("mst: undoing the operation on %q: %w", op.Key, err)
		}
	}
	before, _, err := e.Finish()
	return before, err
}

func (e *Edit) undo(op Op) error {
	var was cid.Cid
	var err error
	switch {
	case !op.Value.Defined() && !op.Prev.Defined():
		return invalid("an operation without values")
	case !op.Value.Defined():
		return e.Create(op.Key, op.Prev)
	case !op.Prev.Defined():
		was, err = e.Delete(op.Key)
	case op.Prev == op.Value:
		return invalid("an update that changes nothing")
	default:
		was, err = e.Update(op.Key, op.Prev)
	}
	if err == nil && was != op.Value {
		err = invalid("the tree has %s, the operation says %s", was, op.Value)
	}
	return err
}
