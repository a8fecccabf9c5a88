package audit

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	comatproto "github.com/bluesky-social/indigo/api/atproto"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/fxamacker/cbor/v2"
)

// maxFrame is the largest frame that consumers take (atproto.com/specs/sync).
const maxFrame = 5_000_000

// Kind is the type of an event, as its header says it.
type Kind string

const (
	KindCommit   Kind = "#commit"
	KindSync     Kind = "#sync"
	KindIdentity Kind = "#identity"
	KindAccount  Kind = "#account"
	KindInfo     Kind = "#info" // about the connection; has no number
)

// Digest is the SHA-256 of a frame.
type Digest [sha256.Size]byte

// Event is one decoded frame.
type Event struct {
	Seq    int64 // 0 for an #info
	Kind   Kind
	DID    syntax.DID
	Rev    syntax.TID // of commits and syncs
	Digest Digest
	Size   int
	body   any // *comatproto.SyncSubscribeRepos_…
}

// ErrorFrame is what a server sends before it ends a connection.
type ErrorFrame struct{ Name, Message string }

func (e ErrorFrame) Error() string { return e.Name + ": " + e.Message }

// codec is what indigo generates for each body.
type codec interface {
	MarshalCBOR(io.Writer) error
	UnmarshalCBOR(io.Reader) error
}

type header struct {
	Op int64  `cbor:"op"`
	T  string `cbor:"t,omitempty"`
}

var canonical = func() cbor.EncMode {
	m, err := cbor.EncOptions{Sort: cbor.SortCanonical}.EncMode()
	if err != nil {
		panic(err) // fixed options
	}
	return m
}()

// Decode reads a frame. An [ErrorFrame] is returned as the error that it is;
// any other error says why these bytes are not a frame.
func Decode(frame []byte) (Event, error) {
	e := Event{Digest: sha256.Sum256(frame), Size: len(frame)}
	var h header
	rest, err := cbor.UnmarshalFirst(frame, &h)
	if err != nil {
		return e, fmt.Errorf("header: %w", err)
	}
	if again, err := canonical.Marshal(h); err != nil || !bytes.Equal(again, frame[:len(frame)-len(rest)]) {
		return e, errors.New("header is not canonical, or has other fields than op and t")
	}
	switch {
	case h.Op == -1 && h.T == "":
		return e, decodeError(rest)
	case h.Op != 1:
		return e, fmt.Errorf("op is %d", h.Op)
	}
	e.Kind = Kind(h.T)
	body, err := e.decodeBody(rest)
	if err != nil {
		return e, fmt.Errorf("%s: %w", e.Kind, err)
	}
	var again bytes.Buffer
	if err := body.MarshalCBOR(&again); err != nil {
		return e, fmt.Errorf("%s: %w", e.Kind, err)
	}
	if !bytes.Equal(again.Bytes(), rest) {
		return e, fmt.Errorf("%s: the body is not canonical, or has unknown fields", e.Kind)
	}
	return e, nil
}

func (e *Event) decodeBody(b []byte) (codec, error) {
	var body codec
	switch e.Kind {
	case KindCommit:
		body = new(comatproto.SyncSubscribeRepos_Commit)
	case KindSync:
		body = new(comatproto.SyncSubscribeRepos_Sync)
	case KindIdentity:
		body = new(comatproto.SyncSubscribeRepos_Identity)
	case KindAccount:
		body = new(comatproto.SyncSubscribeRepos_Account)
	case KindInfo:
		body = new(comatproto.SyncSubscribeRepos_Info)
	default:
		return nil, errors.New("unknown type")
	}
	if err := body.UnmarshalCBOR(bytes.NewReader(b)); err != nil {
		return nil, err
	}
	e.body = body
	switch m := body.(type) {
	case *comatproto.SyncSubscribeRepos_Commit:
		e.Seq, e.DID, e.Rev = m.Seq, syntax.DID(m.Repo), syntax.TID(m.Rev)
	case *comatproto.SyncSubscribeRepos_Sync:
		e.Seq, e.DID, e.Rev = m.Seq, syntax.DID(m.Did), syntax.TID(m.Rev)
	case *comatproto.SyncSubscribeRepos_Identity:
		e.Seq, e.DID = m.Seq, syntax.DID(m.Did)
	case *comatproto.SyncSubscribeRepos_Account:
		e.Seq, e.DID = m.Seq, syntax.DID(m.Did)
	}
	return body, nil
}

func decodeError(b []byte) error {
	var body struct {
		Error   string `cbor:"error"`
		Message string `cbor:"message"`
	}
	if err := cbor.Unmarshal(b, &body); err != nil {
		return fmt.Errorf("error frame: %w", err)
	}
	return ErrorFrame{body.Error, body.Message}
}

// String is one line: number, type, account, and what changed.
func (e Event) String() string {
	s := fmt.Sprintf("%d %s", e.Seq, e.Kind)
	if e.DID != "" {
		s += " " + e.DID.String()
	}
	if e.Rev != "" {
		s += " " + e.Rev.String()
	}
	switch m := e.body.(type) {
	case *comatproto.SyncSubscribeRepos_Commit:
		for i, op := range m.Ops {
			if i == 3 {
				return s + fmt.Sprintf(" … %d operations", len(m.Ops))
			}
			s += " " + op.Action + " " + op.Path
		}
	case *comatproto.SyncSubscribeRepos_Identity:
		if m.Handle != nil {
			s += " " + *m.Handle
		}
	case *comatproto.SyncSubscribeRepos_Account:
		s += " active"
		if !m.Active && m.Status != nil {
			s = s[:len(s)-len("active")] + *m.Status
		}
	case *comatproto.SyncSubscribeRepos_Info:
		s = string(e.Kind) + " " + m.Name
	}
	return s
}
