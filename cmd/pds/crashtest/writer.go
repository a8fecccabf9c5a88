package crashtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/cmd/pds/audit"
)

const (
	answerTime = 20 * time.Second // without an answer for so long, there is none
	hot        = 4                // accounts that get a quarter of the writes
)

// writers are the load. They rest while the gate is held.
type writers struct {
	gate   sync.RWMutex // read: a write is under way
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu  sync.Mutex
	err error // something that is no server's answer
}

// startWriters lets clients write to people until stop. behind is asked before
// each write whether the load must wait for its verification.
func startWriters(ctx context.Context, o Options, s *server, people []person, acks *ackLog, behind func() bool) *writers {
	ctx, cancel := context.WithCancel(ctx)
	all := &writers{cancel: cancel}
	for i := range o.Writers {
		w := &writer{maker: newMaker(o.Seed, i), client: newClient(s), people: people, acks: acks, own: map[syntax.DID][]string{}}
		all.wg.Go(func() {
			for ctx.Err() == nil {
				if behind() {
					time.Sleep(5 * time.Millisecond)
					continue
				}
				all.gate.RLock()
				err := w.write(ctx)
				all.gate.RUnlock()
				if err != nil {
					all.fail(err)
				}
				time.Sleep(time.Duration(w.rand.IntN(10)) * time.Millisecond)
			}
		})
	}
	return all
}

func (w *writers) fail(err error) {
	w.mu.Lock()
	w.err = errors.Join(w.err, err)
	w.mu.Unlock()
	w.cancel()
}

func (w *writers) failed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// rest waits until no write is under way and holds the next ones back. The
// server must be up: a put goes on until it is answered.
func (w *writers) rest() (goOn func()) {
	w.gate.Lock()
	return w.gate.Unlock
}

func (w *writers) stop() error {
	w.cancel()
	w.wg.Wait()
	return w.failed()
}

// writer writes to random accounts and notes what it was told.
type writer struct {
	*maker
	client client
	people []person
	acks   *ackLog
	own    map[syntax.DID][]string // paths that only this writer touches
}

func (w *writer) write(ctx context.Context) error {
	p := w.people[w.rand.IntN(len(w.people))]
	if w.rand.IntN(4) == 0 {
		p = w.people[w.rand.IntN(min(hot, len(w.people)))]
	}
	nsid, in, write := w.next(p)
	return w.send(ctx, p, nsid, in, write)
}

// send asks for a write, for a put again until it is answered, and notes the
// outcome. A request that never left the machine is asked again, and not noted.
func (w *writer) send(ctx context.Context, p person, nsid string, in map[string]any, write audit.Write) error {
	unknown := false // an earlier attempt may have been done
	for {
		var out struct {
			Commit *head `json:"commit"`
		}
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
		err := w.client.post(limit, p.Access, nsid, in, &out)
		cancel()
		r := refusal{}
		switch {
		case errors.Is(err, errNotSent):
			if ctx.Err() == nil {
				time.Sleep(20 * time.Millisecond)
				continue
			}
			if unknown {
				w.acks.add(write)
			}
			return nil
		case err == nil && out.Commit != nil:
			w.acks.answered("200 with a commit")
			write.Answer, write.Rev = audit.Committed, out.Commit.Rev
			if write.Commit, err = cid.Decode(out.Commit.CID); err != nil {
				return fmt.Errorf("answer of %s: %w", nsid, err)
			}
		case err == nil:
			w.acks.answered("200 unchanged")
			write.Answer = audit.Unchanged
		case errors.As(err, &r) && (r.Status < 500 || r.Name == full):
			w.acks.answered(r.what())
			if r.Name == "ExpiredToken" {
				return fmt.Errorf("the campaign outlived its sessions")
			}
			if !unknown {
				write.Answer = audit.Refused
			}
		default:
			what := "no answer"
			if errors.As(err, &r) {
				what = r.what()
			}
			w.acks.answered(what)
			if nsid == "com.atproto.repo.putRecord" && ctx.Err() == nil {
				unknown = true
				time.Sleep(time.Millisecond)
				continue
			}
		}
		w.acks.add(write)
		return nil
	}
}

// next chooses a write. What it is called by the server is what write expects.
func (w *writer) next(p person) (nsid string, in map[string]any, write audit.Write) {
	write = audit.Write{DID: p.DID}
	in = map[string]any{"repo": p.DID}
	one := func(collection, rkey string, rec map[string]any) {
		in["collection"], in["record"] = collection, rec
		op := audit.Op{CID: recordCID(rec)}
		if rkey != "" {
			in["rkey"] = rkey
			op.Path = collection + "/" + rkey
		}
		write.Ops = []audit.Op{op}
	}
	switch dice := w.rand.IntN(100); {
	case dice < 30:
		one(posts, "", w.post())
		write.Ops[0].Action = "create"
		return "com.atproto.repo.createRecord", in, write
	case dice < 50:
		one(likes, "", w.like())
		write.Ops[0].Action, write.Extra = "create", true
		return "com.atproto.repo.createRecord", in, write
	case dice < 70:
		_, rkey, _ := strings.Cut(w.path(p.DID), "/")
		one(notes, rkey, w.note())
		return "com.atproto.repo.putRecord", in, write
	case dice < 82:
		path := w.path(p.DID)
		in["collection"], in["rkey"], _ = strings.Cut(path, "/")
		write.Ops = []audit.Op{{Action: "delete", Path: path}}
		return "com.atproto.repo.deleteRecord", in, write
	}
	return w.batch(p, in, write)
}

const writesType = "com.atproto.repo.applyWrites#"

// batch is creates of new paths and perhaps an update or delete of an old one.
// If that one is not there, all of it is refused.
func (w *writer) batch(p person, in map[string]any, write audit.Write) (string, map[string]any, audit.Write) {
	writes, ops := w.creates(1 + w.rand.IntN(8))
	if old := w.own[p.DID]; len(old) > 0 && w.rand.IntN(2) == 0 {
		path := old[w.rand.IntN(len(old))]
		collection, rkey, _ := strings.Cut(path, "/")
		if w.rand.IntN(2) == 0 {
			rec := w.note()
			writes = append(writes, map[string]any{"$type": writesType + "update", "collection": collection, "rkey": rkey, "value": rec})
			ops = append(ops, audit.Op{Action: "update", Path: path, CID: recordCID(rec)})
		} else {
			writes = append(writes, map[string]any{"$type": writesType + "delete", "collection": collection, "rkey": rkey})
			ops = append(ops, audit.Op{Action: "delete", Path: path})
		}
	}
	in["writes"], write.Ops = writes, ops
	return "com.atproto.repo.applyWrites", in, write
}

// creates is a batch of n new posts.
func (m *maker) creates(n int) (writes []map[string]any, ops []audit.Op) {
	for range n {
		rec, rkey := m.post(), m.rkey()
		writes = append(writes, map[string]any{"$type": writesType + "create", "collection": posts, "rkey": rkey, "value": rec})
		ops = append(ops, audit.Op{Action: "create", Path: posts + "/" + rkey, CID: recordCID(rec)})
	}
	return writes, ops
}

// path is one of the writer's own notes in an account, or a new one.
func (w *writer) path(did syntax.DID) string {
	if old := w.own[did]; len(old) > 2 || len(old) > 0 && w.rand.IntN(2) == 0 {
		return old[w.rand.IntN(len(old))]
	}
	path := fmt.Sprintf("%s/w%d-%d", notes, w.id, len(w.own[did]))
	w.own[did] = append(w.own[did], path)
	return path
}
