package crashtest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/bluesky-social/indigo/atproto/atdata"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

const (
	posts    = "app.bsky.feed.post"
	likes    = "app.bsky.feed.like"
	notes    = "com.example.crash.note" // no lexicon, any size
	subjects = 5                        // of likes; few, so that duplicates are common
)

// maker makes records that are never the same twice, so that each has a CID of
// its own. Belongs to one goroutine.
type maker struct {
	id   int // differs between makers
	n    int
	rand *rand.Rand
}

func newMaker(seed uint64, id int) *maker {
	return &maker{id: id, rand: rand.New(rand.NewPCG(seed, uint64(100+id)))}
}

func (m *maker) text() string {
	m.n++
	return fmt.Sprintf("writer %d number %d", m.id, m.n)
}

// rkey is a record key that no other maker chooses.
func (m *maker) rkey() string {
	m.n++
	return syntax.NewTID(int64(m.n), uint(m.id)).String()
}

func (m *maker) post() map[string]any {
	return map[string]any{"$type": posts, "text": m.text(), "createdAt": "2026-01-02T03:04:05Z"}
}

func (m *maker) note() map[string]any {
	return map[string]any{"$type": notes, "text": m.text(), "padding": strings.Repeat("x", m.rand.IntN(1<<m.rand.IntN(15)))}
}

func (m *maker) like() map[string]any {
	m.n++
	at := time.UnixMicro(1700000000_000000 + int64(m.id)*1_000_000_000 + int64(m.n)).UTC()
	n := m.rand.IntN(subjects)
	return map[string]any{
		"$type": likes, "createdAt": at.Format("2006-01-02T15:04:05.000000Z"),
		"subject": map[string]any{
			"uri": fmt.Sprintf("at://did:plc:ewvi7nxzyoun6zhxrhs64oiz/app.bsky.feed.post/3jzfcijpj2z2%c", 'a'+n),
			"cid": "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a",
		},
	}
}

// recordCID is what a record will be called, by indigo's encoder.
func recordCID(rec map[string]any) cid.Cid {
	b, err := atdata.MarshalCBOR(rec)
	if err != nil {
		panic(err)
	}
	c, err := cid.NewPrefixV1(cid.DagCBOR, multihash.SHA2_256).Sum(b)
	if err != nil {
		panic(err)
	}
	return c
}
