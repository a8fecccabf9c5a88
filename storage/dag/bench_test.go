package dag_test

import (
	"encoding/json"
	"testing"

	"github.com/bluesky-social/indigo/atproto/atdata"

	"troupe/storage/dag"
)

// post is a usual post of about 300 bytes, reply one with links and an image.
const (
	post = `{"$type":"app.bsky.feed.post","text":"Sat in the sun all morning and read about trees that rebalance themselves. ` +
		`Nothing in the garden does. 🌳 The rest of the day goes to the hedge.","langs":["en"],` +
		`"createdAt":"2026-05-01T09:30:00.123Z","tags":["garden","trees"],"facets":[],"via":"client"}`
	reply = `{"$type":"app.bsky.feed.post","text":"And here is the hedge.","langs":["en"],"createdAt":"2026-05-01T19:30:00.123Z",` +
		`"reply":{"root":{"cid":"` + linkText + `","uri":"at://did:plc:ewvi7nxzyoun6zhxrhs64oiz/app.bsky.feed.post/3lo4aaaaaaa2a"},` +
		`"parent":{"cid":"` + linkText + `","uri":"at://did:plc:ewvi7nxzyoun6zhxrhs64oiz/app.bsky.feed.post/3lo4aaaaaaa2b"}},` +
		`"embed":{"$type":"app.bsky.embed.images","images":[{"alt":"","image":{"$type":"blob","ref":{"$link":"` + blobText +
		`"},"mimeType":"image/jpeg","size":731542},"aspectRatio":{"width":1600,"height":1200}}]}}`
)

func records(b *testing.B, run func(b *testing.B, src []byte, rec dag.Record)) {
	for i, src := range []string{post, reply} {
		name := []string{"post", "reply"}[i]
		rec, err := dag.FromJSON([]byte(src), dag.RecordLimits)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) { run(b, []byte(src), rec) })
	}
}

// both measures ours and indigo's way of doing the same.
func both(b *testing.B, size int, ours, indigo func() error) {
	for i, f := range []func() error{ours, indigo} {
		b.Run([]string{"dag", "atdata"}[i], func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkFromJSON(b *testing.B) {
	records(b, func(b *testing.B, src []byte, _ dag.Record) {
		both(b, len(src), func() error {
			_, err := dag.FromJSON(src, dag.RecordLimits)
			return err
		}, func() error {
			obj, err := atdata.UnmarshalJSON(src)
			if err != nil {
				return err
			}
			out, err := atdata.MarshalCBOR(obj)
			dag.Sum(out)
			atdata.ExtractBlobs(obj)
			return err
		})
	})
}

func BenchmarkAppendJSON(b *testing.B) {
	records(b, func(b *testing.B, _ []byte, rec dag.Record) {
		var buf []byte
		both(b, len(rec.Bytes), func() (err error) {
			buf, err = dag.AppendJSON(buf[:0], rec.Bytes)
			return err
		}, func() error {
			obj, err := atdata.UnmarshalCBOR(rec.Bytes)
			if err != nil {
				return err
			}
			_, err = json.Marshal(obj)
			return err
		})
	})
}

func BenchmarkDecode(b *testing.B) {
	records(b, func(b *testing.B, _ []byte, rec dag.Record) {
		both(b, len(rec.Bytes), func() error {
			_, err := dag.Decode(rec.Bytes)
			return err
		}, func() error {
			_, err := atdata.UnmarshalCBOR(rec.Bytes)
			return err
		})
	})
}

func BenchmarkCheck(b *testing.B) {
	records(b, func(b *testing.B, _ []byte, rec dag.Record) {
		b.ReportAllocs()
		b.SetBytes(int64(len(rec.Bytes)))
		for b.Loop() {
			if err := dag.Check(rec.Bytes, dag.RecordLimits); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkReader reads a tree node of 32 entries.
func BenchmarkReader(b *testing.B) {
	node := dag.AppendArray(nil, 32)
	for i := range 32 {
		node = dag.AppendMap(node, 3)
		node = dag.AppendBytes(dag.AppendText(node, "k"), []byte("app.bsky.feed.post/3lo4aaaaaaa2a"))
		node = dag.AppendInt(dag.AppendText(node, "p"), int64(i))
		node = dag.AppendNull(dag.AppendText(node, "t"))
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(node)))
	for b.Loop() {
		r := dag.NewReader(node)
		n, err := r.Array()
		for range n {
			r.Map()
			r.KeyBytes()
			r.Bytes()
			r.KeyBytes()
			r.Int()
			r.KeyBytes()
			r.IsNull()
		}
		if err != nil || !r.Done() {
			b.Fatal(err)
		}
	}
}

// TestAllocations: a post costs three allocations, one for its bytes and two for
// its CID. The bound leaves room for a pool that gives nothing back, as it does at
// random under the race detector.
func TestAllocations(t *testing.T) {
	src := []byte(post)
	if got := testing.AllocsPerRun(100, func() {
		if _, err := dag.FromJSON(src, dag.RecordLimits); err != nil {
			t.Fatal(err)
		}
	}); got > 10 {
		t.Errorf("%v allocations for a post", got)
	}
	rec, err := dag.FromJSON([]byte(reply), dag.RecordLimits)
	if err != nil {
		t.Fatal(err)
	}
	if got := testing.AllocsPerRun(100, func() {
		if err := dag.Check(rec.Bytes, dag.RecordLimits); err != nil {
			t.Fatal(err)
		}
	}); got > 0 {
		t.Errorf("%v allocations to check a record", got)
	}
}
