package dag

import "github.com/ipfs/go-cid"

// Blob is a reference to a blob inside a record ("blob" of the data model
// specification). A legacy reference, which states no size, has Size -1; it is
// found in old records only, never in a Record that FromJSON made.
type Blob struct {
	CID      cid.Cid
	MimeType string
	Size     int64 // bytes
}

// Record is a value in the form in which it is stored and signed.
type Record struct {
	Bytes []byte  // canonical DAG-CBOR of a map; owned by the caller of FromJSON
	CID   cid.Cid // Sum(Bytes)
	Blobs []Blob  // Blobs(Bytes): in the order of the canonical bytes, not of the JSON
}

// Limits bound one value. A zero or negative field means that of RecordLimits.
type Limits struct {
	Depth int // containers inside each other, the outermost counted; in JSON links and bytes are containers; never above 512
	Bytes int // of DAG-CBOR
}

// RecordLimits are the limits of a record. The size is the repository
// specification's. No specification gives a depth; 64 is well above any lexicon
// and so far below what overflows a stack that nobody has to think about it.
var RecordLimits = Limits{Depth: 64, Bytes: 1_000_000}

// maxDepth holds where no Limits are given, for data that is stored already. It
// is higher than RecordLimits: a stored record must stay readable when somebody
// lowers the limit for new ones.
const maxDepth = 512

func (l Limits) orDefault() Limits {
	if l.Depth <= 0 {
		l.Depth = RecordLimits.Depth
	}
	if l.Bytes <= 0 {
		l.Bytes = RecordLimits.Bytes
	}
	l.Depth = min(l.Depth, maxDepth)
	return l
}
