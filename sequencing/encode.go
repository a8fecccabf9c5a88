package sequencing

import (
	"time"

	"github.com/ipfs/go-cid"

	"troupe/storage/dag"
)

// The encoders write canonical DAG-CBOR in one pass: keys shorter first, then
// bytewise, so the order of the appends below is the order of the format and
// not a choice. Each stops behind the key "seq" and goes on in the suffix.

// timeLayout is the datetime format of the frames: UTC with milliseconds.
const timeLayout = "2006-01-02T15:04:05.000Z"

const (
	typeCommit   = "#commit"
	typeSync     = "#sync"
	typeIdentity = "#identity"
	typeAccount  = "#account"
	typeInfo     = "#info"
)

// Wire is the complete frame with its number in place.
func (f Frame) Wire(seq Seq) []byte {
	if f.Empty() {
		return nil
	}
	const number = 9 // the longest integer in CBOR
	wire := make([]byte, 0, len(f.Prefix)+number+len(f.Suffix))
	wire = append(wire, f.Prefix...)
	wire = dag.AppendInt(wire, int64(seq))
	return append(wire, f.Suffix...)
}

// Empty reports whether the entry has nothing to send (some internal ones).
func (f Frame) Empty() bool { return len(f.Prefix) == 0 && len(f.Suffix) == 0 }

// Encode leaves f's defined fields in the exact bytes of the wire.
func (f CommitFrame) Encode() Frame {
	const perOp = 2*cidSize + len("cid path prev action update") + 8
	size := 256
	for _, op := range f.Ops {
		size += perOp + len(op.Path)
	}

	b := appendHeader(make([]byte, 0, size), typeCommit)
	fields := 11
	if f.PrevData.Defined() {
		fields++
	}
	b = dag.AppendMap(b, fields)
	b = dag.AppendText(b, "ops")
	b = dag.AppendArray(b, len(f.Ops))
	for _, op := range f.Ops {
		b = appendOp(b, op)
	}
	b = dag.AppendText(b, "rev")
	b = dag.AppendText(b, string(f.Rev))
	b = dag.AppendText(b, "seq")
	prefix := b

	b = make([]byte, 0, 384+len(f.Repo)+len(f.Blocks))
	b = dag.AppendText(b, "repo")
	b = dag.AppendText(b, string(f.Repo))
	b = appendTime(b, f.Time)
	b = dag.AppendText(b, "blobs")
	b = dag.AppendArray(b, 0)
	b = dag.AppendText(b, "since")
	if f.Since == "" {
		b = dag.AppendNull(b)
	} else {
		b = dag.AppendText(b, string(f.Since))
	}
	b = dag.AppendText(b, "blocks")
	b = dag.AppendBytes(b, f.Blocks)
	b = dag.AppendText(b, "commit")
	b = dag.AppendCID(b, f.Commit)
	b = dag.AppendText(b, "rebase")
	b = dag.AppendBool(b, false)
	b = dag.AppendText(b, "tooBig")
	b = dag.AppendBool(b, false)
	if f.PrevData.Defined() {
		b = dag.AppendText(b, "prevData")
		b = dag.AppendCID(b, f.PrevData)
	}
	return Frame{Prefix: prefix, Suffix: b}
}

// Encode leaves f in the exact bytes of the wire.
func (f SyncFrame) Encode() Frame {
	b := appendHeader(make([]byte, 0, 96+len(f.DID)), typeSync)
	b = dag.AppendMap(b, 5)
	b = dag.AppendText(b, "did")
	b = dag.AppendText(b, string(f.DID))
	b = dag.AppendText(b, "rev")
	b = dag.AppendText(b, string(f.Rev))
	b = dag.AppendText(b, "seq")
	prefix := b

	b = appendTime(make([]byte, 0, 64+len(f.Blocks)), f.Time)
	b = dag.AppendText(b, "blocks")
	b = dag.AppendBytes(b, f.Blocks)
	return Frame{Prefix: prefix, Suffix: b}
}

// Encode leaves f in the exact bytes of the wire.
func (f IdentityFrame) Encode() Frame {
	fields := 3
	if f.Handle != "" {
		fields++
	}
	b := appendHeader(make([]byte, 0, 64+len(f.DID)), typeIdentity)
	b = dag.AppendMap(b, fields)
	b = dag.AppendText(b, "did")
	b = dag.AppendText(b, string(f.DID))
	b = dag.AppendText(b, "seq")
	prefix := b

	b = appendTime(make([]byte, 0, 64+len(f.Handle)), f.Time)
	if f.Handle != "" {
		b = dag.AppendText(b, "handle")
		b = dag.AppendText(b, string(f.Handle))
	}
	return Frame{Prefix: prefix, Suffix: b}
}

// Encode leaves f in the exact bytes of the wire.
func (f AccountFrame) Encode() Frame {
	fields := 4
	status := !f.Active && f.Status != StatusNone && f.Status != StatusActive
	if status {
		fields++
	}
	b := appendHeader(make([]byte, 0, 64+len(f.DID)), typeAccount)
	b = dag.AppendMap(b, fields)
	b = dag.AppendText(b, "did")
	b = dag.AppendText(b, string(f.DID))
	b = dag.AppendText(b, "seq")
	prefix := b

	b = appendTime(make([]byte, 0, 64), f.Time)
	b = dag.AppendText(b, "active")
	b = dag.AppendBool(b, f.Active)
	if status {
		b = dag.AppendText(b, "status")
		b = dag.AppendText(b, f.Status.String())
	}
	return Frame{Prefix: prefix, Suffix: b}
}

// InfoFrame is a #info frame (com.atproto.sync.subscribeRepos#info). It has no
// number. message may be empty: absent.
func InfoFrame(name, message string) []byte {
	b := appendHeader(make([]byte, 0, 48+len(name)+len(message)), typeInfo)
	return appendNamed(b, "name", name, message)
}

// ErrorFrame is the last frame of a failed subscription, an error of the lexicon
// such as FutureCursor. message may be empty: absent.
func ErrorFrame(name, message string) []byte {
	b := make([]byte, 0, 48+len(name)+len(message))
	b = dag.AppendMap(b, 1)
	b = dag.AppendText(b, "op")
	b = dag.AppendInt(b, -1)
	return appendNamed(b, "error", name, message)
}

func appendNamed(b []byte, key, name, message string) []byte {
	fields := 1
	if message != "" {
		fields++
	}
	b = dag.AppendMap(b, fields)
	b = dag.AppendText(b, key)
	b = dag.AppendText(b, name)
	if message != "" {
		b = dag.AppendText(b, "message")
		b = dag.AppendText(b, message)
	}
	return b
}

// cidSize is the encoded size of a link to a sha2-256 CIDv1, its head included.
const cidSize = 41

func appendHeader(b []byte, typ string) []byte {
	b = dag.AppendMap(b, 2)
	b = dag.AppendText(b, "t")
	b = dag.AppendText(b, typ)
	b = dag.AppendText(b, "op")
	return dag.AppendInt(b, 1)
}

func appendOp(b []byte, op RepoOp) []byte {
	fields := 3
	if op.Prev.Defined() {
		fields++
	}
	b = dag.AppendMap(b, fields)
	b = dag.AppendText(b, "cid")
	b = appendLinkOrNull(b, op.CID)
	b = dag.AppendText(b, "path")
	b = dag.AppendText(b, op.Path)
	if op.Prev.Defined() {
		b = dag.AppendText(b, "prev")
		b = dag.AppendCID(b, op.Prev)
	}
	b = dag.AppendText(b, "action")
	return dag.AppendText(b, string(op.Action))
}

func appendLinkOrNull(b []byte, c cid.Cid) []byte {
	if !c.Defined() {
		return dag.AppendNull(b)
	}
	return dag.AppendCID(b, c)
}

func appendTime(b []byte, t time.Time) []byte {
	b = dag.AppendText(b, "time")
	b = dag.AppendHead(b, dag.MajorText, uint64(len(timeLayout)))
	return t.UTC().AppendFormat(b, timeLayout)
}
