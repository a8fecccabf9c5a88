package sequencing

import (
	"fmt"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/dag"
)

// DecodeFrame reads a complete wire frame: a CommitFrame, SyncFrame,
// IdentityFrame or AccountFrame, and its number. Blocks alias wire. Fields that
// are unknown are skipped, so a newer server's log can be read. Errors wrap
// ErrCorrupt: the frames read here were written here.
func DecodeFrame(wire []byte) (frame any, seq Seq, err error) {
	r := dag.NewReader(wire)
	typ, err := decodeHeader(r)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: frame header: %w", ErrCorrupt, err)
	}
	switch typ {
	case typeCommit:
		frame, seq, err = decodeCommit(r)
	case typeSync:
		frame, seq, err = decodeSync(r)
	case typeIdentity:
		frame, seq, err = decodeIdentity(r)
	case typeAccount:
		frame, seq, err = decodeAccount(r)
	default:
		return nil, 0, fmt.Errorf("%w: frame type %q", ErrCorrupt, typ)
	}
	if err == nil && !r.Done() {
		err = fmt.Errorf("%d bytes behind the body", len(r.Rest()))
	}
	if err == nil && seq <= 0 {
		err = fmt.Errorf("number %d", seq)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %s frame: %w", ErrCorrupt, typ, err)
	}
	return frame, seq, nil
}

func decodeHeader(r *dag.Reader) (typ string, err error) {
	var op int64
	err = eachField(r, func(key string) (err error) {
		switch key {
		case "t":
			typ, err = r.Text()
		case "op":
			op, err = r.Int()
		default:
			err = r.Skip()
		}
		return err
	})
	if err == nil && op != 1 {
		err = fmt.Errorf("op %d", op)
	}
	return typ, err
}

func decodeCommit(r *dag.Reader) (f CommitFrame, seq Seq, err error) {
	err = eachField(r, func(key string) (err error) {
		switch key {
		case "ops":
			f.Ops, err = decodeOps(r)
		case "rev":
			f.Rev, err = text[syntax.TID](r)
		case "seq":
			seq, err = decodeSeq(r)
		case "repo":
			f.Repo, err = text[syntax.DID](r)
		case "time":
			f.Time, err = decodeTime(r)
		case "since":
			if !r.IsNull() {
				f.Since, err = text[syntax.TID](r)
			}
		case "blocks":
			f.Blocks, err = r.Bytes()
		case "commit":
			f.Commit, err = r.CID()
		case "prevData":
			f.PrevData, err = r.CID()
		default:
			err = r.Skip()
		}
		return err
	})
	return f, seq, err
}

func decodeOps(r *dag.Reader) ([]RepoOp, error) {
	n, err := r.Array()
	if err != nil {
		return nil, err
	}
	var ops []RepoOp // grown, not announced: n is a number in a file
	for range n {
		var op RepoOp
		err := eachField(r, func(key string) (err error) {
			switch key {
			case "cid":
				if !r.IsNull() {
					op.CID, err = r.CID()
				}
			case "path":
				op.Path, err = r.Text()
			case "prev":
				op.Prev, err = r.CID()
			case "action":
				op.Action, err = text[Action](r)
			default:
				err = r.Skip()
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		if !op.Action.Valid() {
			return nil, fmt.Errorf("action %q", op.Action)
		}
		ops = append(ops, op)
	}
	return ops, nil
}

func decodeSync(r *dag.Reader) (f SyncFrame, seq Seq, err error) {
	err = eachField(r, func(key string) (err error) {
		switch key {
		case "did":
			f.DID, err = text[syntax.DID](r)
		case "rev":
			f.Rev, err = text[syntax.TID](r)
		case "seq":
			seq, err = decodeSeq(r)
		case "time":
			f.Time, err = decodeTime(r)
		case "blocks":
			f.Blocks, err = r.Bytes()
		default:
			err = r.Skip()
		}
		return err
	})
	return f, seq, err
}

func decodeIdentity(r *dag.Reader) (f IdentityFrame, seq Seq, err error) {
	err = eachField(r, func(key string) (err error) {
		switch key {
		case "did":
			f.DID, err = text[syntax.DID](r)
		case "seq":
			seq, err = decodeSeq(r)
		case "time":
			f.Time, err = decodeTime(r)
		case "handle":
			f.Handle, err = text[syntax.Handle](r)
		default:
			err = r.Skip()
		}
		return err
	})
	return f, seq, err
}

func decodeAccount(r *dag.Reader) (f AccountFrame, seq Seq, err error) {
	err = eachField(r, func(key string) (err error) {
		switch key {
		case "did":
			f.DID, err = text[syntax.DID](r)
		case "seq":
			seq, err = decodeSeq(r)
		case "time":
			f.Time, err = decodeTime(r)
		case "active":
			f.Active, err = r.Bool()
		case "status":
			var s string
			if s, err = r.Text(); err == nil {
				var known bool
				if f.Status, known = ParseStatus(s); !known {
					err = fmt.Errorf("status %q", s)
				}
			}
		default:
			err = r.Skip()
		}
		return err
	})
	if err == nil && f.Active {
		f.Status = StatusActive
	}
	return f, seq, err
}

// eachField reads a map and calls fn with each key; fn reads the value.
func eachField(r *dag.Reader, fn func(key string) error) error {
	n, err := r.Map()
	if err != nil {
		return err
	}
	for range n {
		key, err := r.Key()
		if err != nil {
			return err
		}
		if err := fn(key); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

func decodeSeq(r *dag.Reader) (Seq, error) {
	n, err := r.Int()
	return Seq(n), err
}

// text reads a string of one of the domain's types. Its syntax is not checked:
// it was when the frame was made.
func text[T ~string](r *dag.Reader) (T, error) {
	s, err := r.Text()
	return T(s), err
}

func decodeTime(r *dag.Reader) (time.Time, error) {
	s, err := r.Text()
	if err != nil {
		return time.Time{}, err
	}
	return time.Parse(time.RFC3339Nano, s)
}
