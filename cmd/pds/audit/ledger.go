package audit

import (
	"slices"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// ledger remembers which bytes every number stood for. DID and rev are among
// the bytes.
type ledger []entry

type entry struct {
	seq    int64
	digest Digest
	did    syntax.DID
}

func (l ledger) find(seq int64) (entry, bool) {
	i, ok := l.after(seq - 1)
	if !ok || l[i].seq != seq {
		return entry{}, false
	}
	return l[i], true
}

// after is the index of the first entry behind seq.
func (l ledger) after(seq int64) (int, bool) {
	i, _ := slices.BinarySearchFunc(l, seq+1, func(e entry, seq int64) int { return int(e.seq - seq) })
	return i, i < len(l)
}

func (l ledger) last() int64 {
	if len(l) == 0 {
		return 0
	}
	return l[len(l)-1].seq
}

// add appends an event whose number is above all others.
func (l *ledger) add(e Event) { *l = append(*l, entry{e.Seq, e.Digest, e.DID}) }
