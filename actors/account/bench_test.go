package account

import (
	"context"
	"fmt"
	"testing"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
)

// One write to the file per operation, from many askers at once.
func BenchmarkOpenSession(b *testing.B) {
	for _, askers := range []int{1, 64} {
		b.Run(fmt.Sprintf("askers=%d", askers), func(b *testing.B) {
			w := newWorld(b, nil)
			d, _ := w.person("a", "hash")
			b.SetParallelism(askers)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					g := Grant{ID: newTokenID(), Expires: noon.Add(RefreshLifetime)}
					if _, err := mailbox.Ask(context.Background(), w.h.Address(), OpenSession{DID: d, Session: g}); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

func BenchmarkIndex(b *testing.B) {
	const n = 100_000
	all := make([]Account, n)
	for i := range all {
		all[i] = Account{DID: syntax.DID(fmt.Sprintf("did:plc:%024d", i)), Handle: syntax.Handle(fmt.Sprintf("user%d.test", i))}
	}
	x := NewIndex()
	x.reset(all)
	b.Run("ByHandle", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			if _, ok := x.ByHandle(all[i%n].Handle); !ok {
				b.Fatal("lost")
			}
		}
	})
	b.Run("update", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			x.update(all[i%n:i%n+1], nil)
		}
	})
}

func BenchmarkHash(b *testing.B) {
	p := NewPasswords(PasswordOptions{})
	for range b.N {
		if _, err := p.Hash(context.Background(), "correct horse"); err != nil {
			b.Fatal(err)
		}
	}
}
