package car_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"troupe/storage/car"
	"troupe/storage/dag"
)

func hash(t *testing.T, data string, code uint64, length int) []byte {
	t.Helper()
	mh, err := multihash.Sum([]byte(data), code, length)
	if err != nil {
		t.Fatal(err)
	}
	return mh
}

// TestHostile is what must not be let in, each with the reason.
func TestHostile(t *testing.T) {
	a := block("a")
	name := a.CID.Bytes()
	head := file([]cid.Cid{a.CID})
	header := func(b []byte) []byte { return append(section(b), file(nil, a)[len(file(nil)):]...) }
	with := func(tail ...[]byte) []byte { return append(bytes.Clone(head), bytes.Join(tail, nil)...) }
	roots := func(items ...[]byte) []byte {
		b := dag.AppendMap(nil, 2)
		b = dag.AppendText(b, "roots")
		b = dag.AppendArray(b, len(items))
		b = append(b, bytes.Join(items, nil)...)
		return dag.AppendInt(dag.AppendText(b, "version"), 1)
	}
	changed := bytes.Clone(name)
	changed[10] ^= 1

	tests := []struct {
		name string
		b    []byte
		want error
	}{
		{"nothing", nil, car.ErrTruncated},
		{"empty header", []byte{0}, car.ErrHeader},
		{"header is JSON", header([]byte(`{"version":1,"roots":[]}`)), car.ErrHeader},
		{"header without roots", header(dag.AppendInt(dag.AppendText(dag.AppendMap(nil, 1), "version"), 1)), car.ErrHeader},
		{"version 2", header(bytes.Replace(roots(), []byte("version\x01"), []byte("version\x02"), 1)), car.ErrHeader},
		{"pragma of version 2", header(dag.AppendInt(dag.AppendText(dag.AppendMap(nil, 1), "version"), 2)), car.ErrHeader},
		{"header with more behind it", header(append(roots(), 0)), car.ErrHeader},
		{"header, unsorted", header([]byte("\xa2\x67version\x01\x65roots\x80")), car.ErrHeader},
		{"header, a third member", header(append(append([]byte{0xa3}, roots()[1:]...), "\x68whatever\x01"...)), car.ErrHeader},
		{"header, roots null", header([]byte("\xa2\x65roots\xf6\x67version\x01")), car.ErrHeader},
		{"header, a root that is no link", header(roots(dag.AppendText(nil, a.CID.String()))), car.ErrHeader},
		{"header, root of version 0", header(roots(dag.AppendCID(nil, cid.NewCidV0(hash(t, "a", multihash.SHA2_256, -1))))), car.ErrCID},
		{"header, identity root", header(roots(dag.AppendCID(nil, cid.NewCidV1(cid.Raw, hash(t, "a", multihash.IDENTITY, -1))))), car.ErrCID},
		{"header too large", header(roots(slices.Repeat([][]byte{dag.AppendCID(nil, a.CID)}, 200)...)), car.ErrTooLarge},
		{"header, count lies", header([]byte("\xa2\x65roots\x9b\x7f\xff\xff\xff\xff\xff\xff\xff")), car.ErrHeader},

		{"wrong hash", with(section(name, []byte("b"))), car.ErrHash},
		{"wrong name", with(section(changed, a.Data)), car.ErrHash},
		{"raw name, other data", with(section(dag.SumRaw([]byte("a")).Bytes(), []byte("b"))), car.ErrHash},
		{"version 0", with(section(hash(t, "a", multihash.SHA2_256, -1), a.Data)), car.ErrCID},
		{"version 0, large", with(section(hash(t, "a", multihash.SHA2_256, -1), []byte("abcdefgh"))), car.ErrCID},
		{"identity", with(section(cid.NewCidV1(cid.Raw, hash(t, "a", multihash.IDENTITY, -1)).Bytes(), a.Data)), car.ErrCID},
		{"identity of 32 bytes", with(section([]byte{1, 0x55, 0, 32}, make([]byte, 32))), car.ErrCID},
		{"sha-512", with(section(cid.NewCidV1(cid.DagCBOR, hash(t, "a", multihash.SHA2_512, -1)).Bytes(), a.Data)), car.ErrCID},
		{"sha-256, 20 bytes", with(section(cid.NewCidV1(cid.DagCBOR, hash(t, "a", multihash.SHA2_256, 20)).Bytes(), a.Data)), car.ErrCID},
		{"dag-pb", with(section(cid.NewCidV1(cid.DagProtobuf, hash(t, "a", multihash.SHA2_256, -1)).Bytes(), a.Data)), car.ErrCID},
		{"version 2 of a CID", with(section([]byte{2}, name[1:], a.Data)), car.ErrCID},
		{"no room for a CID", with(section(name[:35])), car.ErrCID},

		{"length of a GB", with(binary.AppendUvarint(nil, 1<<30), name, a.Data), car.ErrTooLarge},
		{"length of 2^62", with(binary.AppendUvarint(nil, 1<<62), name, a.Data), car.ErrTooLarge},
		{"length of 2^64-1", with(binary.AppendUvarint(nil, 1<<64-1), name, a.Data), car.ErrLength},
		{"endless length", with(bytes.Repeat([]byte{0x80}, 1000)), car.ErrLength},
		{"length in two bytes", with([]byte{0xa5, 0x80, 0}, name, a.Data), car.ErrLength},
		{"length of nothing in two bytes", with([]byte{0x80, 0}), car.ErrLength},
		{"block of length zero", with([]byte{0}), car.ErrCID},
		{"zeros at the end", with(section(name, a.Data), make([]byte, 100)), car.ErrCID},
		{"one byte at the end", with(section(name, a.Data), []byte{1}), car.ErrTruncated},
		{"a second file at the end", with(section(name, a.Data), head), car.ErrCID},
		{"text at the end", with(section(name, a.Data), []byte("junk, and more of it than a CID is long")), car.ErrInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := stream(bytes.NewReader(tt.b), car.Limits{})
			if !errors.Is(err, tt.want) || !errors.Is(err, car.ErrInvalid) {
				t.Errorf("Reader: %v, want %v", err, tt.want)
			}
			_, _, err = car.ReadAll(tt.b)
			// In memory a length that is too large is one that goes beyond the end.
			if !errors.Is(err, tt.want) && !(tt.want == car.ErrTooLarge && errors.Is(err, car.ErrTruncated)) || !errors.Is(err, car.ErrInvalid) {
				t.Errorf("ReadAll: %v, want %v", err, tt.want)
			}
		})
	}
}

// TestCut: a file that ends inside a block is refused; between two it is whole.
func TestCut(t *testing.T) {
	blocks := []car.Block{block("a"), block(strings.Repeat("b", 300)), block("")}
	whole := file([]cid.Cid{blocks[0].CID}, blocks...)
	ends := map[int]int{} // length of the file so far → blocks so far
	for i := range len(blocks) + 1 {
		ends[len(file([]cid.Cid{blocks[0].CID}, blocks[:i]...))] = i
	}
	for i := range len(whole) + 1 {
		b := whole[:i:i]
		n, fine := ends[i]
		_, got, err := car.ReadAll(b)
		if fine != (err == nil) || fine && len(got) != n || !fine && !errors.Is(err, car.ErrTruncated) {
			t.Errorf("ReadAll of %d bytes: %d blocks, %v", i, len(got), err)
		}
		_, got, err = stream(iotest.HalfReader(bytes.NewReader(b)), car.Limits{})
		if fine != (err == nil) || fine && len(got) != n || !fine && !errors.Is(err, car.ErrTruncated) {
			t.Errorf("Reader of %d bytes: %d blocks, %v", i, len(got), err)
		}
	}
}
