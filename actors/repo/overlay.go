package repo

import (
	"sync/atomic"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/repodb"
)

// How much may wait in memory before it is brought into the file. The log has
// it already; the bounds are for memory and for the time a flush takes.
const (
	maxPendingChanges = 64
	maxPendingRecords = 512
	maxPendingBytes   = 1 << 20

	// maxPendingTotal is what all accounts together may keep pending. Above it
	// every account flushes at each write.
	maxPendingTotal = 128 << 20
)

// Pending counts the bytes that all accounts of a server keep in memory
// until they are flushed.
type Pending struct{ bytes atomic.Int64 }

func (p *Pending) add(n int) (tooMany bool) { return p.bytes.Add(int64(n)) > maxPendingTotal }

// overlay holds durable changes that the file does not show yet. Reads look
// here first.
type overlay struct {
	changes []repodb.Change
	seq     int64 // newest entry of the log that is held here, changes or not
	bytes   int
	nodes   map[cid.Cid][]byte
	records map[string]*repodb.RecordChange // by path, the newest
}

func newOverlay() *overlay {
	return &overlay{nodes: map[cid.Cid][]byte{}, records: map[string]*repodb.RecordChange{}}
}

func (o *overlay) empty() bool { return o.seq == 0 }

func (o *overlay) full() bool {
	return len(o.changes) >= maxPendingChanges || len(o.records) >= maxPendingRecords || o.bytes >= maxPendingBytes
}

// add takes over a change; its slices are not touched again.
func (o *overlay) add(c repodb.Change) {
	o.changes = append(o.changes, c)
	for _, n := range c.Nodes {
		o.nodes[n.CID] = n.Data
		o.bytes += len(n.Data)
	}
	for i := range c.Records {
		r := &c.Records[i]
		o.records[r.Path()] = r
		o.bytes += len(r.Bytes)
	}
}

// backlinks corrects what the file says about records pointing at subject.
func (o *overlay) backlinks(stored []syntax.RecordKey, collection syntax.NSID, subject string) []syntax.RecordKey {
	if len(o.records) == 0 {
		return stored
	}
	var keys []syntax.RecordKey
	for _, k := range stored {
		if _, newer := o.records[string(collection)+"/"+string(k)]; !newer {
			keys = append(keys, k)
		}
	}
	for _, r := range o.records {
		if r.Collection == collection && r.Subject == subject && r.CID.Defined() {
			keys = append(keys, r.RKey)
		}
	}
	return keys
}
