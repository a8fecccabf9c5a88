package audit

import (
	"context"
	"time"

	comatproto "github.com/bluesky-social/indigo/api/atproto"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
)

// Options of a Stream and an Auditor.
type Options struct {
	URL      string           // of the server; an Auditor needs it
	Keys     Keys             // whose signatures are right
	Complete bool             // the stream begins with the server's first event
	Now      func() time.Time // nil: time.Now
}

// Stream verifies events in the order of one server's firehose, over any
// number of connections.
type Stream struct {
	keys     Keys
	complete bool
	now      func() time.Time

	last     int64 // number before the next one of this connection
	ledger   ledger
	accounts map[syntax.DID]*history

	Findings []Finding
	Counts   map[Kind]int
	Bytes    int64
	Resets   int // syncs that moved an account without operations
}

// NewStream starts with nothing seen.
func NewStream(o Options) *Stream {
	s := &Stream{keys: o.Keys, complete: o.Complete, now: o.Now, accounts: map[syntax.DID]*history{}, Counts: map[Kind]int{}}
	if s.now == nil {
		s.now = time.Now
	}
	return s
}

// Connected begins a connection: its events come after cursor.
func (s *Stream) Connected(cursor int64) { s.last = cursor }

// Last is the number of the newest event, 0 before the first.
func (s *Stream) Last() int64 { return s.ledger.last() }

// Content is what the events say that a repository holds: path → record. nil:
// not known.
func (s *Stream) Content(did syntax.DID) map[string]cid.Cid {
	if h := s.accounts[did]; h != nil {
		return h.content
	}
	return nil
}

// Joined says that events before this one were not seen.
func (s *Stream) Joined() { s.complete = false }

// Event verifies one frame and returns what is wrong with it. The error is an
// [ErrorFrame] of the server.
func (s *Stream) Event(ctx context.Context, frame []byte) (Event, []Finding, error) {
	var f findings
	e, err := Decode(frame)
	if err != nil {
		if said, ok := err.(ErrorFrame); ok {
			return e, nil, said
		}
		f.add(RuleFrame, "%v", err)
		return e, s.report(e, f), nil
	}
	s.Bytes += int64(len(frame))
	if len(frame) > maxFrame {
		f.add(RuleFrame, "%d bytes", len(frame))
	}
	if e.Kind == KindInfo {
		return e, s.report(e, f), nil
	}
	if e.Seq <= s.last {
		f.add(RuleSeq, "%d after %d in one connection", e.Seq, s.last)
	}
	s.last = max(s.last, e.Seq)
	switch known, ok := s.ledger.find(e.Seq); {
	case ok && known.digest != e.Digest:
		f.add(RuleReuse, "%s of %s was another event of %s", e.Kind, e.DID, known.did)
	case ok:
		return e, s.report(e, f), nil // seen, verified, the same
	case e.Seq < s.ledger.last():
		f.add(RuleReuse, "%d appears after %d, and was not there before", e.Seq, s.ledger.last())
	default:
		s.ledger.add(e)
	}
	s.Counts[e.Kind]++
	s.check(ctx, &f, e)
	return e, s.report(e, f), nil
}

func (s *Stream) report(e Event, f findings) []Finding {
	for i := range f {
		f[i].Seq, f[i].DID = e.Seq, e.DID
	}
	s.Findings = append(s.Findings, f...)
	return f
}

func (s *Stream) check(ctx context.Context, f *findings, e Event) {
	h := s.accounts[e.DID]
	if h == nil {
		h = &history{opening: joined}
		if s.complete {
			*h = unborn()
		}
		s.accounts[e.DID] = h
	}
	switch m := e.body.(type) {
	case *comatproto.SyncSubscribeRepos_Commit:
		commit, ops := checkCommit(f, e, m, s.now())
		if commit != nil {
			checkSignature(ctx, f, s.keys, commit)
		}
		h.commit(f, e, m, commit, ops)
	case *comatproto.SyncSubscribeRepos_Sync:
		commit := checkSync(f, e, m, s.now())
		if commit != nil {
			checkSignature(ctx, f, s.keys, commit)
		}
		if h.sync(f, e, m, commit) {
			s.Resets++
		}
	case *comatproto.SyncSubscribeRepos_Identity:
		checkIdentity(f, e, m)
		s.keys.Forget(e.DID)
		h.identity(f)
	case *comatproto.SyncSubscribeRepos_Account:
		checkAccount(f, e, m)
		h.account(f, m)
	}
}
