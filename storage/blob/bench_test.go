package blob_test

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/blob"
	"troupe/storage/blob/blobtest"
)

const benchSize = 1 << 20

// clients runs fn b.N times from n goroutines, each with an account of its own.
func clients(b *testing.B, n int, fn func(client, i int)) {
	b.SetBytes(benchSize)
	var next atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	for client := range n {
		all.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				fn(client, int(i))
			}
		})
	}
	all.Wait()
}

func account(client int) syntax.DID { return syntax.DID(fmt.Sprintf("did:web:a%d.example", client)) }

// BenchmarkDiskUpload is an upload as the server has it: spooled, hashed, synced
// and put under its name.
func BenchmarkDiskUpload(b *testing.B) {
	for _, n := range []int{1, 16} {
		b.Run(fmt.Sprintf("clients=%d", n), func(b *testing.B) {
			dir := b.TempDir()
			disk, err := blob.OpenDisk(dir)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := blob.RemoveSpools(disk.TempDir()); err != nil {
				b.Fatal(err)
			}
			bytes := blobtest.Bytes(1, benchSize)
			clients(b, n, func(client, i int) {
				spool, err := blob.NewSpool(disk.TempDir(), benchSize)
				if err != nil {
					b.Error(err)
					return
				}
				defer spool.Close()
				spool.Write(fmt.Appendf(nil, "%08d", i))
				for rest := bytes[8:]; len(rest) > 0; rest = rest[min(len(rest), 32<<10):] {
					spool.Write(rest[:min(len(rest), 32<<10)])
				}
				content := spool.Finish()
				if err := disk.Put(b.Context(), account(client), content.CID, content.Size, spool.Open()); err != nil {
					b.Error(err)
				}
			})
		})
	}
}

// BenchmarkDiskOpen reads a blob to its end.
func BenchmarkDiskOpen(b *testing.B) {
	for _, n := range []int{1, 16} {
		b.Run(fmt.Sprintf("clients=%d", n), func(b *testing.B) {
			disk, err := blob.OpenDisk(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			have := map[int]cid.Cid{}
			for client := range n {
				have[client] = blobtest.Put(b, disk, account(client), blobtest.Bytes(uint64(client), benchSize))
			}
			clients(b, n, func(client, _ int) {
				o, err := disk.Open(b.Context(), account(client), have[client])
				if err != nil {
					b.Error(err)
					return
				}
				defer o.Close()
				if _, err := io.Copy(io.Discard, o); err != nil {
					b.Error(err)
				}
			})
		})
	}
}
