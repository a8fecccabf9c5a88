package car_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ipfs/go-cid"
	carv2 "github.com/ipld/go-car/v2"
	"pgregory.net/rapid"

	"troupe/storage/car"
	"troupe/storage/dag"
)

func block(s string) car.Block {
	return car.Block{CID: dag.Sum([]byte(s)), Data: []byte(s)}
}

func file(roots []cid.Cid, blocks ...car.Block) []byte {
	b := car.AppendHeader(nil, roots...)
	for _, bl := range blocks {
		b = car.AppendBlock(b, bl.CID, bl.Data)
	}
	return b
}

// section is a length and whatever parts.
func section(parts ...[]byte) []byte {
	content := bytes.Join(parts, nil)
	return append(binary.AppendUvarint(nil, uint64(len(content))), content...)
}

// stream reads a whole file with a Reader.
func stream(r io.Reader, l car.Limits) (roots []cid.Cid, blocks []car.Block, err error) {
	cr, err := car.NewReader(r, l)
	if err != nil {
		return nil, nil, err
	}
	for {
		b, err := cr.Next()
		if err == io.EOF {
			if _, again := cr.Next(); again != io.EOF {
				return nil, nil, fmt.Errorf("after the end: %v", again)
			}
			return cr.Roots(), blocks, nil
		}
		if err != nil {
			if _, again := cr.Next(); again != err {
				return nil, nil, fmt.Errorf("the error %v did not last: %v", err, again)
			}
			return cr.Roots(), blocks, err
		}
		blocks = append(blocks, b)
	}
}

func same(t *testing.T, got, want []car.Block) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d blocks, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i].CID != want[i].CID || !bytes.Equal(got[i].Data, want[i].Data) {
			t.Errorf("block %d: %v %q", i, got[i].CID, got[i].Data)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	big := strings.Repeat("x", 200_000)
	raw := car.Block{CID: dag.SumRaw([]byte("raw")), Data: []byte("raw")}
	blocks := []car.Block{block("a"), block(""), raw, block(big), block("a") /* again */, block(big[:16<<10]), block(big[:16<<10+1])}
	for _, roots := range [][]cid.Cid{nil, {blocks[0].CID}, {blocks[0].CID, blocks[0].CID}, {blocks[0].CID, raw.CID}} {
		t.Run(fmt.Sprint(len(roots), " roots"), func(t *testing.T) {
			want := file(roots, blocks...)
			var buf bytes.Buffer
			w, err := car.NewWriter(&buf, roots...)
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range blocks {
				if err := w.Put(b.CID, b.Data); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(buf.Bytes(), want) {
				t.Fatal("Writer and Append differ")
			}
			gotRoots, got, err := car.ReadAll(want)
			if err != nil || fmt.Sprint(gotRoots) != fmt.Sprint(roots) {
				t.Fatal(gotRoots, err)
			}
			same(t, got, blocks)
			// However the bytes come in.
			for _, r := range []io.Reader{bytes.NewReader(want), iotest.OneByteReader(bytes.NewReader(want)), iotest.DataErrReader(bytes.NewReader(want))} {
				gotRoots, got, err := stream(r, car.Limits{})
				if err != nil || fmt.Sprint(gotRoots) != fmt.Sprint(roots) {
					t.Fatal(gotRoots, err)
				}
				same(t, got, blocks)
			}
		})
	}
}

// TestReadAllAliases: nothing is copied, and an append to a block cannot reach
// the next one.
func TestReadAllAliases(t *testing.T) {
	b := file(nil, block("aaa"), block("bbb"))
	_, blocks, err := car.ReadAll(b)
	if err != nil {
		t.Fatal(err)
	}
	if cap(blocks[0].Data) != 3 {
		t.Error("capacity", cap(blocks[0].Data))
	}
	b[bytes.Index(b, []byte("aaa"))] = 'x'
	if string(blocks[0].Data) != "xaa" {
		t.Error("data was copied")
	}
}

// TestReaderKeeps: what Next gave out stays as it was.
func TestReaderKeeps(t *testing.T) {
	want := []car.Block{block("first"), block("second"), block(strings.Repeat("third", 50_000))}
	_, got, err := stream(bytes.NewReader(file(nil, want...)), car.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, want)
}

func TestLimits(t *testing.T) {
	b := file(nil, block(strings.Repeat("x", 100)), block("y"))
	tests := []struct {
		name string
		l    car.Limits
		want error
	}{
		{"none", car.Limits{}, nil},
		{"block exact", car.Limits{Block: 100}, nil},
		{"block over", car.Limits{Block: 99}, car.ErrTooLarge},
		{"total exact", car.Limits{Total: int64(len(b))}, nil},
		{"total over", car.Limits{Total: int64(len(b)) - 1}, car.ErrTooLarge},
		{"total inside the header", car.Limits{Total: 3}, car.ErrTooLarge},
	}
	for _, tt := range tests {
		if _, _, err := stream(bytes.NewReader(b), tt.l); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	large := file(nil, block(strings.Repeat("x", 2<<20+1)))
	if _, _, err := stream(bytes.NewReader(large), car.Limits{}); !errors.Is(err, car.ErrTooLarge) {
		t.Errorf("above the default: %v", err)
	}
}

// TestLengthLies: what is announced and does not arrive is not reserved for.
func TestLengthLies(t *testing.T) {
	lie := append(file(nil), binary.AppendUvarint(nil, 1<<30)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, _, err := stream(bytes.NewReader(lie), car.Limits{Block: 1 << 30}); !errors.Is(err, car.ErrTruncated) {
		t.Error(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d bytes for a file of %d", n, len(lie))
	}
}

// TestSourceFails: an error of the source is not the file's fault.
func TestSourceFails(t *testing.T) {
	broken := errors.New("connection reset")
	b := file(nil, block(strings.Repeat("x", 100)))
	for i := range b {
		_, _, err := stream(io.MultiReader(bytes.NewReader(b[:i]), iotest.ErrReader(broken)), car.Limits{})
		if !errors.Is(err, broken) || errors.Is(err, car.ErrInvalid) {
			t.Errorf("after %d bytes: %v", i, err)
		}
	}
}

type full struct{ left int }

func (f *full) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}

func TestDestinationFails(t *testing.T) {
	if _, err := car.NewWriter(&full{left: 5}); err != io.ErrShortWrite {
		t.Error(err)
	}
	for _, size := range []int{10, 100_000} {
		w, err := car.NewWriter(&full{left: size})
		if err != nil && size > 100 {
			t.Fatal(err)
		}
		if err == nil {
			if err := w.Put(dag.SumRaw(nil), make([]byte, size)); err != io.ErrShortWrite {
				t.Error(err)
			}
		}
	}
}

// TestAgainstGoCar: both read what the other, or both, would write.
func TestAgainstGoCar(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var blocks []car.Block
		for _, data := range rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 300), 1, 10).Draw(t, "data") {
			b := car.Block{CID: dag.Sum(data), Data: data}
			if rapid.Bool().Draw(t, "raw") {
				b.CID = dag.SumRaw(data)
			}
			blocks = append(blocks, b)
		}
		roots := []cid.Cid{blocks[0].CID}
		if rapid.Bool().Draw(t, "two roots") {
			roots = append(roots, blocks[len(blocks)-1].CID)
		}
		r, err := carv2.NewBlockReader(bytes.NewReader(file(roots, blocks...)))
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(r.Roots) != fmt.Sprint(roots) || r.Version != 1 {
			t.Fatal(r.Roots, r.Version)
		}
		for _, want := range blocks {
			got, err := r.Next()
			if err != nil || got.Cid() != want.CID || !bytes.Equal(got.RawData(), want.Data) {
				t.Fatal(got, err)
			}
		}
		if _, err := r.Next(); err != io.EOF {
			t.Fatal(err)
		}
	})
}

// FuzzCAR: both readers agree, and what they take is written back as it was.
func FuzzCAR(f *testing.F) {
	a := block("a")
	f.Add(file(nil))
	f.Add(file([]cid.Cid{a.CID}, a, block("b")))
	f.Add(file([]cid.Cid{a.CID, a.CID}, a, a))
	f.Add(append(file([]cid.Cid{a.CID}, a), 0))
	f.Add(append(file(nil), 0xa5, 0x80, 0))
	f.Add([]byte("\x01\xa0"))
	f.Fuzz(func(t *testing.T, b []byte) {
		roots, blocks, err := car.ReadAll(b)
		streamRoots, streamBlocks, streamErr := stream(bytes.NewReader(b), car.Limits{Block: 1 << 30})
		if (err == nil) != (streamErr == nil) {
			t.Fatalf("%v, but %v", err, streamErr)
		}
		if err != nil {
			if !errors.Is(err, car.ErrInvalid) || !errors.Is(streamErr, car.ErrInvalid) {
				t.Fatalf("%v, %v", err, streamErr)
			}
			return
		}
		if fmt.Sprint(roots) != fmt.Sprint(streamRoots) || !bytes.Equal(file(roots, blocks...), b) || !bytes.Equal(file(roots, streamBlocks...), b) {
			t.Fatalf("%x is not written back", b)
		}
		for _, bl := range blocks {
			if sum := sha256.Sum256(bl.Data); string(bl.CID.Hash()[2:]) != string(sum[:]) {
				t.Fatalf("%v was not verified", bl.CID)
			}
		}
	})
}

func BenchmarkCAR(b *testing.B) {
	var blocks []car.Block
	for i := range 1000 {
		blocks = append(blocks, block(strings.Repeat(fmt.Sprint(i), 150)))
	}
	whole := file([]cid.Cid{blocks[0].CID}, blocks...)
	run := func(name string, f func() error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(whole)))
			for b.Loop() {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("ReadAll", func() error { _, _, err := car.ReadAll(whole); return err })
	run("Reader", func() error { _, _, err := stream(bytes.NewReader(whole), car.Limits{}); return err })
	run("Writer", func() error {
		w, err := car.NewWriter(io.Discard, blocks[0].CID)
		for _, bl := range blocks {
			err = errors.Join(err, w.Put(bl.CID, bl.Data))
		}
		return err
	})
	run("go-car", func() error {
		r, err := carv2.NewBlockReader(bytes.NewReader(whole))
		for err == nil {
			_, err = r.Next()
		}
		if err == io.EOF {
			err = nil
		}
		return err
	})
}
