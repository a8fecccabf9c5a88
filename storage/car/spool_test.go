package car_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"testing/iotest"

	"github.com/ipfs/go-cid"

	"troupe/storage/car"
	"troupe/storage/dag"
)

func spool(t testing.TB, b []byte) *car.Spool {
	t.Helper()
	s, err := car.NewSpool(t.TempDir(), bytes.NewReader(b), car.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// numbered makes n blocks of different lengths; every tenth is there twice.
func numbered(n int) (blocks []car.Block) {
	for i := range n {
		b := block(fmt.Sprintf("%d %s", i, bytes.Repeat([]byte{'x'}, i%700)))
		blocks = append(blocks, b)
		if i%10 == 0 {
			blocks = append(blocks, b)
		}
	}
	return blocks
}

// Whatever the order in which blocks come and are asked for, each is found, and
// none that did not come.
func TestSpoolOrders(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	shuffle := func(b []car.Block) []car.Block {
		b = append([]car.Block(nil), b...)
		r.Shuffle(len(b), func(i, j int) { b[i], b[j] = b[j], b[i] })
		return b
	}
	for _, n := range []int{0, 1, 5, 3000, 70_000} { // less and more than a batch of the table
		blocks := numbered(n)
		s := spool(t, file(nil, blocks...))
		if s.Len() != len(blocks) {
			t.Fatalf("%d blocks, want %d", s.Len(), len(blocks))
		}
		places := map[int64]car.Block{}
		for name, order := range map[string][]car.Block{"as they came": blocks, "any": shuffle(blocks)} {
			for _, want := range order {
				got, found, err := s.Block(want.CID)
				if err != nil || !found || !bytes.Equal(got, want.Data) {
					t.Fatalf("%d blocks, %s: %s: %q, %v, %v", n, name, want.CID, got, found, err)
				}
				places[s.Place()] = want
			}
			for at, want := range places { // in no order, and then by CID again
				if got, err := s.At(at); err != nil || !bytes.Equal(got, want.Data) || s.Place() != at {
					t.Fatalf("%d blocks, %s: at %d: %q, %v, want %s", n, name, at, got, err, want.CID)
				}
			}
			for i := range 50 {
				if _, found, err := s.Block(dag.Sum(fmt.Append(nil, "absent", i))); found || err != nil {
					t.Fatalf("%d blocks: found what is not there: %v", n, err)
				}
			}
		}
	}
}

// A CID is its codec too: raw bytes are not found as DAG-CBOR.
func TestSpoolTellsCodecsApart(t *testing.T) {
	raw := car.Block{CID: dag.SumRaw([]byte("x")), Data: []byte("x")}
	s := spool(t, file([]cid.Cid{raw.CID}, raw))
	if _, found, err := s.Block(dag.Sum([]byte("x"))); found || err != nil {
		t.Error(found, err)
	}
	if _, found, err := s.Block(raw.CID); !found || err != nil {
		t.Error(found, err)
	}
	if len(s.Roots()) != 1 || s.Roots()[0] != raw.CID {
		t.Error(s.Roots())
	}
}

// One block many times fills one slot, or finding anything would take for ever.
func TestSpoolOfOneBlock(t *testing.T) {
	one, other := block("one"), block("other")
	b := car.AppendHeader(nil)
	for range 200_000 {
		b = car.AppendBlock(b, one.CID, one.Data)
	}
	s := spool(t, car.AppendBlock(b, other.CID, other.Data))
	for range 3 {
		for _, want := range []car.Block{other, one} {
			if got, found, err := s.Block(want.CID); !found || err != nil || !bytes.Equal(got, want.Data) {
				t.Fatal(found, err)
			}
		}
	}
}

// What is no CAR is refused, and an error of the source is passed on; either
// way nothing is left on the disk.
func TestSpoolRefuses(t *testing.T) {
	whole := file([]cid.Cid{block("a").CID}, numbered(20)...)
	dir := t.TempDir()
	broken := errors.New("connection reset")
	for i := range whole {
		s, err := car.NewSpool(dir, bytes.NewReader(whole[:i]), car.Limits{})
		if err == nil {
			s.Close() // cut between two blocks
		} else if !errors.Is(err, car.ErrInvalid) {
			t.Fatalf("%d bytes: %v", i, err)
		}
	}
	if _, err := car.NewSpool(dir, iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(whole))), car.Limits{}); !errors.Is(err, iotest.ErrTimeout) {
		t.Error(err)
	}
	if _, err := car.NewSpool(dir, iotest.ErrReader(broken), car.Limits{}); !errors.Is(err, broken) {
		t.Error(err)
	}
	if _, err := car.NewSpool(dir, bytes.NewReader(whole), car.Limits{Total: 100}); !errors.Is(err, car.ErrTooLarge) {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left on the disk: %v, %v", left, err)
	}
}

func BenchmarkSpool(b *testing.B) {
	blocks := numbered(20_000)
	whole := file(nil, blocks...)
	for name, step := range map[string]int{"InOrder": 1, "Any": 7919} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(whole)))
			for b.Loop() {
				s, err := car.NewSpool(b.TempDir(), bytes.NewReader(whole), car.Limits{})
				if err != nil {
					b.Fatal(err)
				}
				for i := range blocks {
					if _, found, err := s.Block(blocks[i*step%len(blocks)].CID); !found || err != nil {
						b.Fatal(found, err)
					}
				}
				s.Close()
			}
		})
	}
}
