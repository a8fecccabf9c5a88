package devnet

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/did-method-plc/go-didplc/didplc"
)

// opStore is every operation, in memory. PLC.mu guards it.
type opStore struct {
	all   []*didplc.OpEntry            // in the order of acceptance
	byDID map[string][]*didplc.OpEntry // the same, per DID
	heads map[string]*didplc.OpEntry   // newest operation in force
}

var _ didplc.OpStore = (*opStore)(nil)

func newOpStore() *opStore {
	return &opStore{byDID: make(map[string][]*didplc.OpEntry), heads: make(map[string]*didplc.OpEntry)}
}

// GetLatest implements didplc.OpStore.
func (s *opStore) GetLatest(_ context.Context, did string) (*didplc.OpEntry, error) {
	return s.heads[did], nil
}

// GetEntry implements didplc.OpStore.
func (s *opStore) GetEntry(_ context.Context, did, cid string) (*didplc.OpEntry, error) {
	for _, e := range s.byDID[did] {
		if e.OpCid == cid {
			return e, nil
		}
	}
	return nil, nil
}

// GetAllEntries implements didplc.OpStore.
func (s *opStore) GetAllEntries(_ context.Context, did string) ([]*didplc.OpEntry, error) {
	return s.byDID[did], nil
}

// CommitOperations implements didplc.OpStore. All of ops or none.
func (s *opStore) CommitOperations(ctx context.Context, ops []*didplc.PreparedOperation) error {
	for _, op := range ops {
		head := ""
		if e := s.heads[op.DID]; e != nil {
			head = e.OpCid
		}
		if head != op.PrevHead {
			return fmt.Errorf("%w: %s", didplc.ErrHeadMismatch, op.DID)
		}
	}
	for _, op := range ops {
		for _, e := range s.byDID[op.DID] {
			if slices.Contains(op.NullifiedOps, e.OpCid) {
				e.Nullified = true
			}
			if e.OpCid == op.Op.PrevCIDStr() {
				// Whoever wants to replace this successor must hold a stronger key
				// than the one that signed it.
				e.AllowedKeys = e.AllowedKeys[:op.KeyIndex]
				e.LastChild = op.OpCid
			}
		}
		entry := &didplc.OpEntry{
			DID:         op.DID,
			CreatedAt:   op.CreatedAt,
			AllowedKeys: slices.Clone(op.Op.EquivalentRotationKeys()),
			Op:          op.Op,
			OpCid:       op.OpCid,
		}
		s.all = append(s.all, entry)
		s.byDID[op.DID] = append(s.byDID[op.DID], entry)
		s.heads[op.DID] = entry
	}
	return nil
}

// after lists up to count entries accepted after t, oldest first.
func (s *opStore) after(t time.Time, count int) []*didplc.OpEntry {
	i, _ := slices.BinarySearchFunc(s.all, t, func(e *didplc.OpEntry, t time.Time) int {
		if e.CreatedAt.After(t) {
			return 1
		}
		return -1
	})
	return s.all[i:min(len(s.all), i+count)]
}
