package crashtest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/cmd/pds/audit"
)

// ackLog is what every writer was told, in a file beside the crashing file
// system. It is synced ten times a second: it must outlive the server, not the
// machine. Safe for concurrent use.
type ackLog struct {
	path string
	stop chan struct{}
	done chan struct{}

	mu        sync.Mutex // guards what follows
	file      *os.File
	buffer    *bufio.Writer
	n         int
	committed int
	answers   map[string]int
	heads     map[syntax.DID]head // newest acknowledged commit
	err       error
}

// ack is a line of the file.
type ack struct {
	DID    syntax.DID   `json:"did"`
	Ops    []ackOp      `json:"ops"`
	Extra  bool         `json:"extra,omitempty"`
	Answer audit.Answer `json:"answer"`
	Rev    syntax.TID   `json:"rev,omitempty"`
	Commit string       `json:"commit,omitempty"`
}

type ackOp struct {
	Action string `json:"action,omitempty"`
	Path   string `json:"path,omitempty"`
	CID    string `json:"cid,omitempty"`
}

func openAckLog(path string) (*ackLog, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	a := &ackLog{
		path: path, file: f, buffer: bufio.NewWriterSize(f, 1<<20), answers: map[string]int{}, heads: map[syntax.DID]head{},
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	go a.syncs()
	return a, nil
}

func (a *ackLog) syncs() {
	defer close(a.done)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			a.sync()
		case <-a.stop:
			return
		}
	}
}

// sync returns when everything noted so far is on disk.
func (a *ackLog) sync() {
	a.mu.Lock()
	a.err = errors.Join(a.err, a.buffer.Flush())
	a.mu.Unlock()
	if err := a.file.Sync(); err != nil {
		a.mu.Lock()
		a.err = errors.Join(a.err, err)
		a.mu.Unlock()
	}
}

// answered counts an answer by what it was.
func (a *ackLog) answered(what string) {
	a.mu.Lock()
	a.answers[what]++
	a.mu.Unlock()
}

// count is how often that was the answer.
func (a *ackLog) count(what string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.answers[what]
}

// commits is how many writes were acknowledged.
func (a *ackLog) commits() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.committed
}

// add notes a write after its answer, or after it stayed away.
func (a *ackLog) add(w audit.Write) {
	line := ack{DID: w.DID, Extra: w.Extra, Answer: w.Answer, Rev: w.Rev, Commit: text(w.Commit)}
	for _, op := range w.Ops {
		line.Ops = append(line.Ops, ackOp{op.Action, op.Path, text(op.CID)})
	}
	b, err := json.Marshal(line)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil {
		_, err = a.buffer.Write(append(b, '\n'))
	}
	a.err = errors.Join(a.err, err)
	a.n++
	if w.Answer == audit.Committed {
		a.committed++
		if w.Rev > a.heads[w.DID].Rev {
			a.heads[w.DID] = head{CID: line.Commit, Rev: w.Rev}
		}
	}
}

// acknowledged is the newest commit that a writer of each account was told of.
func (a *ackLog) acknowledged() map[syntax.DID]head {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := make(map[syntax.DID]head, len(a.heads))
	for did, h := range a.heads {
		all[did] = h
	}
	return all
}

// read reads the file back: the audit judges by what is on disk.
func (a *ackLog) read() (*audit.Acks, error) {
	a.sync()
	a.mu.Lock()
	want, err := a.n, a.err
	a.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("log of acknowledgements: %w", err)
	}
	f, err := os.Open(a.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var acks audit.Acks
	lines := json.NewDecoder(bufio.NewReaderSize(f, 1<<20))
	for n := range want {
		var line ack
		if err := lines.Decode(&line); err != nil {
			return nil, fmt.Errorf("log of acknowledgements, line %d of %d: %w", n+1, want, err)
		}
		w := audit.Write{DID: line.DID, Extra: line.Extra, Answer: line.Answer, Rev: line.Rev}
		if w.Commit, err = value(line.Commit); err != nil {
			return nil, err
		}
		for _, op := range line.Ops {
			c, err := value(op.CID)
			if err != nil {
				return nil, err
			}
			w.Ops = append(w.Ops, audit.Op{Action: op.Action, Path: op.Path, CID: c})
		}
		acks.Add(w)
	}
	return &acks, nil
}

func (a *ackLog) close() error {
	close(a.stop)
	<-a.done
	a.sync()
	return errors.Join(a.err, a.file.Close())
}

// text is a CID as written; "" is none.
func text(c cid.Cid) string {
	if !c.Defined() {
		return ""
	}
	return c.String()
}

func value(s string) (cid.Cid, error) {
	if s == "" {
		return cid.Undef, nil
	}
	return cid.Decode(s)
}
