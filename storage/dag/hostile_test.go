package dag_test

import (
	"bytes"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"

	"troupe/storage/dag"
)

// TestHostileCBOR is what must not be let in, each with the reason it is refused for.
func TestHostileCBOR(t *testing.T) {
	tests := []struct {
		name, hex string
		want      error
	}{
		{"nothing", "", dag.ErrSyntax},
		{"trailing byte", "a0 00", dag.ErrSyntax},
		{"two values", "01 02", dag.ErrSyntax},

		{"half float", "a1 6161 f9 3c00", dag.ErrFloat},
		{"single float", "fa 3f800000", dag.ErrFloat},
		{"double float", "fb 3ff8000000000000", dag.ErrFloat},
		{"NaN", "f9 7e00", dag.ErrFloat},
		{"infinity", "fb 7ff0000000000000", dag.ErrFloat},
		{"-0.0", "fb 8000000000000000", dag.ErrFloat},
		{"float, cut", "fb 3f", dag.ErrFloat},
		{"2^63", "1b 8000000000000000", dag.ErrFloat},
		{"-2^63-1", "3b 8000000000000000", dag.ErrFloat},

		{"undefined", "f7", dag.ErrSyntax},
		{"simple 16", "f0", dag.ErrSyntax},
		{"simple 32", "f8 20", dag.ErrSyntax},
		{"long true", "f8 15", dag.ErrSyntax},
		{"break", "ff", dag.ErrSyntax},
		{"reserved 28", "1c", dag.ErrSyntax},
		{"reserved 30", "5e", dag.ErrSyntax},

		{"indefinite bytes", "5f 41 00 ff", dag.ErrCanonical},
		{"indefinite text", "7f 6161 ff", dag.ErrCanonical},
		{"indefinite array", "9f 01 ff", dag.ErrCanonical},
		{"indefinite map", "bf 6161 01 ff", dag.ErrCanonical},

		{"int 23 in 1 byte", "18 17", dag.ErrCanonical},
		{"int 255 in 2 bytes", "19 00ff", dag.ErrCanonical},
		{"int 65535 in 4 bytes", "1a 0000ffff", dag.ErrCanonical},
		{"int 2^32-1 in 8 bytes", "1b 00000000ffffffff", dag.ErrCanonical},
		{"negative, long", "38 00", dag.ErrCanonical},
		{"length, long", "78 01 61", dag.ErrCanonical},
		{"count, long", "98 00", dag.ErrCanonical},
		{"tag, long", "d9 002a 41 00", dag.ErrCanonical},

		{"key twice", "a2 6161 01 6161 02", dag.ErrDuplicateKey},
		{"keys by length", "a2 626161 01 6162 02", dag.ErrCanonical},
		{"keys by bytes", "a2 6162 01 6161 02", dag.ErrCanonical},
		{"third key", "a3 6161 01 6163 02 6162 03", dag.ErrCanonical},
		{"number as key", "a1 01 01", dag.ErrKind},
		{"bytes as key", "a1 4161 01", dag.ErrKind},
		{"link as key", "a1" + linkHex + "01", dag.ErrKind},
		{"key without value", "a1 6161", dag.ErrSyntax},

		{"text is no UTF-8", "61 ff", dag.ErrText},
		{"key is no UTF-8", "a1 61 ff 01", dag.ErrText},
		{"surrogate in text", "63 eda080", dag.ErrText},
		{"overlong NUL", "62 c080", dag.ErrText},

		{"tag 0", "c0 6161", dag.ErrSyntax},
		{"tag 2, bignum", "c2 41 01", dag.ErrSyntax},
		{"tag 43", "d8 2b 41 00", dag.ErrSyntax},
		{"tag 55799", "d9 d9f7 01", dag.ErrSyntax},
		{"link without 0x00", strings.Replace(linkHex, "582500", "5824", 1), dag.ErrCID},
		{"link with 0x01", strings.Replace(linkHex, "582500", "582501", 1), dag.ErrCID},
		{"link around text", "d8 2a 61 61", dag.ErrKind},
		{"link around a link", "d8 2a" + linkHex, dag.ErrKind},
		{"link around nothing", "d8 2a 40", dag.ErrCID},
		{"link without CID", "d8 2a 41 00", dag.ErrCID},
		{"link cut inside", "d8 2a 44 00 01 71 12", dag.ErrCID},
		{"link with a byte more", "d8 2a 5826" + linkHex[8:] + "00", dag.ErrCID},
		{"link of version 2", "d8 2a 5825 00 02711220" + strings.Repeat("00", 32), dag.ErrCID},
		{"link, hash length lies", "d8 2a 5825 00 01711221" + strings.Repeat("00", 32), dag.ErrCID},
		{"link, long varint", "d8 2a 5826 00 0181001220" + strings.Repeat("00", 32), dag.ErrCID},

		{"array of 2^63", "9b 8000000000000000", dag.ErrSyntax},
		{"array of 2^64-1", "9b ffffffffffffffff", dag.ErrSyntax},
		{"map of 2^63", "bb 8000000000000000 00", dag.ErrSyntax},
		{"map of 2^64-1", "bb ffffffffffffffff 00", dag.ErrSyntax},
		{"bytes of 2^63", "5b 8000000000000000 00", dag.ErrSyntax},
		{"text of 2^64-1", "7b ffffffffffffffff 00", dag.ErrSyntax},
		{"array of 2^31 with two", "9a 80000000 01 02", dag.ErrSyntax},
		{"map of two with room for one", "a2 6161 01", dag.ErrSyntax},
		{"array one short", "83 01 02", dag.ErrSyntax},
		{"bytes one short", "43 0102", dag.ErrSyntax},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := unhex(t, tt.hex)
			if err := dag.Check(b, dag.RecordLimits); !errors.Is(err, tt.want) || !errors.Is(err, dag.ErrInvalid) {
				t.Errorf("Check: %v, want %v", err, tt.want)
			}
			if _, err := dag.Decode(b); !errors.Is(err, dag.ErrInvalid) {
				t.Errorf("Decode: %v", err)
			}
			if out, err := dag.AppendJSON([]byte("x"), b); !errors.Is(err, dag.ErrInvalid) || string(out) != "x" {
				t.Errorf("AppendJSON: %q, %v", out, err)
			}
			if _, err := dag.Blobs(b); !errors.Is(err, dag.ErrInvalid) {
				t.Errorf("Blobs: %v", err)
			}
		})
	}
}

// TestCheckTakes is what looks odd and is right.
func TestCheckTakes(t *testing.T) {
	for name, h := range map[string]string{
		"scalar":       "01",
		"2^63-1":       "1b 7fffffffffffffff",
		"-2^63":        "3b 7fffffffffffffff",
		"heads":        "85 17 1818 190100 1a00010000 1b0000000100000000",
		"link":         linkHex,
		"identity CID": "d8 2a 46 00 01 55 00 01 61",
		"version 0":    "d8 2a 5823 00 1220" + strings.Repeat("00", 32),
		"sha-512":      "d8 2a 5845 00 01711340" + strings.Repeat("00", 64),
		"empty key":    "a2 60 01 6161 02",
		"empties":      "84 40 60 80 a0",
		"NUL":          "61 00",
	} {
		if err := dag.Check(unhex(t, h), dag.RecordLimits); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLengthLies: what is announced and does not arrive is not reserved for.
func TestLengthLies(t *testing.T) {
	lies := [][]byte{
		unhex(t, "9b 7fffffffffffffff"), unhex(t, "bb 3fffffffffffffff"),
		unhex(t, "5b 7fffffffffffffff"), unhex(t, "7a ffffffff"), unhex(t, "9a 00ffffff 80"),
	}
	// Arrays that each claim all the bytes that are left: believable one by one.
	var nested []byte
	for i := range 400 {
		nested = dag.AppendArray(nested, 50_000+i)
	}
	nested = append(nested, bytes.Repeat([]byte{0x80}, 58_000)...)
	lies = append(lies, nested)

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, b := range lies {
		if err := dag.Check(b, dag.Limits{Depth: dag.MaxDepth}); !errors.Is(err, dag.ErrInvalid) {
			t.Errorf("%.20x: %v", b, err)
		}
		if _, err := dag.Decode(b); !errors.Is(err, dag.ErrInvalid) {
			t.Errorf("%.20x: %v", b, err)
		}
	}
	runtime.ReadMemStats(&after)
	// The values that do stand in the nested input take a few MB of Go values;
	// believing the counts would take 400 times that.
	if got := after.TotalAlloc - before.TotalAlloc; got > 16<<20 {
		t.Errorf("%d bytes were reserved", got)
	}
}

func TestDepthCBOR(t *testing.T) {
	deep := func(n int, one string, core string) []byte {
		return append(bytes.Repeat(unhex(t, one), n), unhex(t, core)...)
	}
	for name, one := range map[string]string{"arrays": "81", "maps": "a1 6161"} {
		if err := dag.Check(deep(63, one, "80"), dag.RecordLimits); err != nil {
			t.Error(name, "at the limit:", err)
		}
		if err := dag.Check(deep(64, one, "80"), dag.RecordLimits); !errors.Is(err, dag.ErrDepth) {
			t.Error(name, "beyond it:", err)
		}
		at := deep(dag.MaxDepth-1, one, "80")
		if _, err := dag.Decode(at); err != nil {
			t.Error(name, "at the highest:", err)
		}
		if _, err := dag.AppendJSON(nil, at); err != nil {
			t.Error(name, "at the highest:", err)
		}
		bomb := deep(1e6, one, "80")
		if err := dag.Check(bomb, dag.Limits{Depth: math.MaxInt, Bytes: math.MaxInt}); !errors.Is(err, dag.ErrDepth) {
			t.Error(name, err)
		}
		if _, err := dag.Decode(bomb); !errors.Is(err, dag.ErrDepth) {
			t.Error(name, err)
		}
		if _, err := dag.AppendJSON(nil, bomb); !errors.Is(err, dag.ErrDepth) {
			t.Error(name, err)
		}
		if _, err := dag.Blobs(bomb); !errors.Is(err, dag.ErrDepth) {
			t.Error(name, err)
		}
		if err := dag.NewReader(bomb).Skip(); !errors.Is(err, dag.ErrDepth) {
			t.Error(name, err)
		}
	}
	if err := dag.Check(make([]byte, 101), dag.Limits{Bytes: 100}); !errors.Is(err, dag.ErrTooLarge) {
		t.Error(err)
	}
}

// TestCutCBOR: no prefix of a value is one, and none makes a Reader panic.
func TestCutCBOR(t *testing.T) {
	rec, err := dag.FromJSON([]byte(`{"a":[1,-200,70000,5000000000,"x",true,null],"b":`+blobJSON(blobText)+
		`,"c":{"$bytes":"AAE"},"d":{"$link":"`+linkText+`"},"e":{"f":[[{}]]}}`), dag.RecordLimits)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rec.Bytes {
		b := rec.Bytes[:i:i]
		if err := dag.Check(b, dag.RecordLimits); !errors.Is(err, dag.ErrSyntax) {
			t.Errorf("%x: %v", b, err)
		}
		if _, err := dag.Decode(b); !errors.Is(err, dag.ErrSyntax) {
			t.Errorf("%x: %v", b, err)
		}
		if _, err := dag.AppendJSON(nil, b); !errors.Is(err, dag.ErrSyntax) {
			t.Errorf("%x: %v", b, err)
		}
		if _, err := dag.Blobs(b); !errors.Is(err, dag.ErrSyntax) {
			t.Errorf("%x: %v", b, err)
		}
	}
}
