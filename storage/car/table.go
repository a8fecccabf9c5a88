package car

import (
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"io"
	"math/bits"
	"os"
	"slices"
)

// table is a hash table in a file, with open addressing: a block's CID leads to
// where the block lies. A slot is the hash of the CID and the place plus one, 0
// for an empty slot. The hash has a secret of its own for each table: who sends
// the blocks can choose their digests, and must not choose their slots.
type table struct {
	file  *os.File
	seed  maphash.Seed
	slots uint64 // a power of two, at least a third of them empty
	name  func(at int64) ([cidLen]byte, error)

	batch  []slot
	page   []byte // the part of the file that is being filled
	pageAt int64  // -1: none

	probe [probeSize * slotSize]byte
	small []byte // all of it, once it is filled and if that is not much
}

type slot struct {
	hash uint64
	at   uint64 // plus one
}

const (
	slotSize  = 16
	pageSlots = 4096
	batchSize = 64 << 10 // slots that are sorted in memory before they are written
	probeSize = 8        // slots that a look-up reads at a time
	keptSlots = 64 << 10 // a table up to this size is kept in memory
)

func newTable(file *os.File, blocks int, name func(at int64) ([cidLen]byte, error)) (*table, error) {
	t := &table{file: file, seed: maphash.MakeSeed(), name: name, pageAt: -1}
	t.slots = max(pageSlots, uint64(1)<<bits.Len64(uint64(blocks)*3/2))
	t.page = make([]byte, pageSlots*slotSize)
	return t, file.Truncate(int64(t.slots) * slotSize) // a hole: only what is used takes room
}

// home is the first slot that a hash may be in. Slots follow the order of hashes,
// so that what is sorted by hash is written from the front to the back.
func (t *table) home(hash uint64) uint64 {
	return hash >> (64 - bits.TrailingZeros64(t.slots))
}

func (t *table) add(name []byte, at int64) error {
	t.batch = append(t.batch, slot{maphash.Bytes(t.seed, name), uint64(at) + 1})
	if len(t.batch) < batchSize {
		return nil
	}
	return t.write()
}

// flush ends the filling of the table.
func (t *table) flush() error {
	if err := t.write(); err != nil {
		return err
	}
	err := t.turn(-1)
	t.batch, t.page = nil, nil
	if err == nil && t.slots <= keptSlots {
		t.small = make([]byte, t.slots*slotSize)
		_, err = t.file.ReadAt(t.small, 0)
	}
	return err
}

func (t *table) write() error {
	slices.SortFunc(t.batch, func(a, b slot) int { return cmp.Compare(a.hash, b.hash) })
	for _, s := range t.batch {
		if err := t.put(s); err != nil {
			return err
		}
	}
	t.batch = t.batch[:0]
	return nil
}

// put fills the first empty slot for a block. Of blocks that are the same the
// first counts: a file of one block a million times must not make a million
// slots of one hash.
func (t *table) put(s slot) error {
	for i := t.home(s.hash); ; i = (i + 1) % t.slots {
		if err := t.turn(int64(i / pageSlots)); err != nil {
			return err
		}
		raw := t.page[i%pageSlots*slotSize:][:slotSize]
		there := readSlot(raw)
		switch {
		case there.at == 0:
			binary.LittleEndian.PutUint64(raw, s.hash)
			binary.LittleEndian.PutUint64(raw[8:], s.at)
			return nil
		case there.hash == s.hash:
			a, err := t.name(int64(there.at - 1))
			if err != nil {
				return err
			}
			b, err := t.name(int64(s.at - 1))
			if err != nil || a == b {
				return err
			}
		}
	}
}

func readSlot(raw []byte) slot {
	return slot{binary.LittleEndian.Uint64(raw), binary.LittleEndian.Uint64(raw[8:])}
}

// turn takes another page in hand; -1 is none.
func (t *table) turn(page int64) error {
	if page == t.pageAt {
		return nil
	}
	if t.pageAt >= 0 {
		if _, err := t.file.WriteAt(t.page, t.pageAt*pageSlots*slotSize); err != nil {
			return err
		}
	}
	if t.pageAt = page; page < 0 {
		return nil
	}
	_, err := t.file.ReadAt(t.page, page*pageSlots*slotSize)
	return err
}

// find returns the place of the block of a name; is confirms it.
func (t *table) find(name string, is func(at int64) (bool, error)) (at int64, found bool, err error) {
	hash := maphash.String(t.seed, name)
	for i := t.home(hash); ; {
		some, err := t.read(i)
		if err != nil {
			return 0, false, err
		}
		for raw := some; len(raw) > 0; raw = raw[slotSize:] {
			s := readSlot(raw)
			if s.at == 0 {
				return 0, false, nil
			}
			if s.hash == hash {
				if found, err := is(int64(s.at - 1)); found || err != nil {
					return int64(s.at - 1), found, err
				}
			}
		}
		i = (i + uint64(len(some)/slotSize)) % t.slots
	}
}

// read returns some slots from i on, one at least.
func (t *table) read(i uint64) ([]byte, error) {
	if t.small != nil {
		return t.small[i*slotSize:], nil
	}
	n, err := t.file.ReadAt(t.probe[:], int64(i)*slotSize)
	if err == io.EOF && n > 0 { // the last slots
		err = nil
	}
	return t.probe[:n], err
}
