package devnet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/did-method-plc/go-didplc/didplc"
)

// JournalName is the journal's usual name in the development data directory.
const JournalName = "plc.jsonl"

// ErrJournal says that the journal holds something that cannot have been accepted.
var ErrJournal = errors.New("devnet: PLC journal is damaged")

// PLCOptions of a directory. The zero value keeps everything in memory.
type PLCOptions struct {
	Path string           // of the journal, created if missing; "": no file
	Now  func() time.Time // nil: time.Now
	Log  *slog.Logger     // nil: slog.Default()
}

// PLC is a PLC directory. It is an http.Handler and safe for concurrent use.
type PLC struct {
	now func() time.Time
	log *slog.Logger
	mux *http.ServeMux

	mu      sync.Mutex // orders submissions; guards the fields below
	ops     *opStore
	journal *journal // nil: memory only
	last    time.Time
	server  *http.Server
}

// OpenPLC opens a directory and verifies its journal from the first operation on.
func OpenPLC(o PLCOptions) (*PLC, error) {
	p := &PLC{now: o.Now, log: o.Log, ops: newOpStore()}
	if p.now == nil {
		p.now = time.Now
	}
	if p.log == nil {
		p.log = slog.Default()
	}
	p.mux = p.routes()
	if o.Path == "" {
		return p, nil
	}
	var err error
	if p.journal, err = openJournal(o.Path, p.replay); err != nil {
		return nil, err
	}
	return p, nil
}

// ServeHTTP implements http.Handler.
func (p *PLC) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.mux.ServeHTTP(w, r) }

// Listen serves the directory on a loopback address ("127.0.0.1:2582"; port 0 picks
// one) until Close, and returns its URL.
func (p *PLC) Listen(address string) (url string, err error) {
	ip, err := netip.ParseAddrPort(address)
	if err != nil || !ip.Addr().IsLoopback() {
		return "", fmt.Errorf("devnet: %q is not a loopback address and port", address)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "", fmt.Errorf("devnet: %w", err)
	}
	server := &http.Server{Handler: p, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	p.mu.Lock()
	p.server = server
	p.mu.Unlock()
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			p.log.Error("devnet PLC directory stopped", "err", err)
		}
	}()
	return "http://" + l.Addr().String(), nil
}

// Close stops the listener and closes the journal.
func (p *PLC) Close() error {
	p.mu.Lock()
	server := p.server
	p.server = nil
	p.mu.Unlock()
	var err error
	if server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if err = server.Shutdown(ctx); err != nil {
			err = server.Close()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.journal != nil {
		err = errors.Join(err, p.journal.close())
		p.journal = nil
	}
	return err
}

// submit verifies op, writes it to the journal and only then makes it count.
// didplc.ErrInvalidOperation for a refusal; other errors are the journal's.
func (p *PLC) submit(ctx context.Context, did string, op didplc.Operation) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.now().UTC().Truncate(time.Millisecond) // as precise as the log shows it
	if !at.After(p.last) {
		at = p.last.Add(time.Millisecond) // /export pages by time: no two are equal
	}
	prepared, err := didplc.VerifyOperation(ctx, p.ops, did, op, at)
	if err != nil {
		return err
	}
	if p.journal != nil {
		if err := p.journal.append(logEntry(did, op, prepared.OpCid, false, at)); err != nil {
			return err
		}
	}
	p.last = at
	return p.ops.CommitOperations(ctx, []*didplc.PreparedOperation{prepared})
}

// replay takes one line of the journal at start.
func (p *PLC) replay(e didplc.LogEntry) error {
	at, err := time.Parse(time.RFC3339Nano, e.CreatedAt)
	if err != nil {
		return err
	}
	op := e.Operation.AsOperation()
	if op == nil {
		return errors.New("no operation")
	}
	ctx := context.Background()
	prepared, err := didplc.VerifyOperation(ctx, p.ops, e.DID, op, at)
	if err != nil {
		return err
	}
	if prepared.OpCid != e.CID {
		return fmt.Errorf("CID is %s, the line says %s", prepared.OpCid, e.CID)
	}
	if at.After(p.last) {
		p.last = at
	}
	return p.ops.CommitOperations(ctx, []*didplc.PreparedOperation{prepared})
}

// logEntry is a pointer because the operation inside marshals itself only if it can be
// addressed.
func logEntry(did string, op didplc.Operation, cid string, nullified bool, at time.Time) *didplc.LogEntry {
	return &didplc.LogEntry{
		DID:       did,
		Operation: *op.AsOpEnum(),
		CID:       cid,
		Nullified: nullified,
		CreatedAt: at.UTC().Format("2006-01-02T15:04:05.000Z"),
	}
}
