package devnet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/did-method-plc/go-didplc/didplc"
)

const (
	maxRequest    = 64 << 10 // JSON of an operation; its CBOR is held to maxOpBytes
	exportDefault = 10
	exportMost    = 1000
)

// refusal is an error with the status it is answered with.
type refusal struct {
	status  int
	message string
}

func (r refusal) Error() string { return r.message }

// view is one way to look at a DID; entries are its operations, in order, never none.
type view func(did string, entries []*didplc.OpEntry) (any, error)

const (
	mimeJSON     = "application/json"
	mimeLines    = "application/jsonlines"
	mimeDocument = "application/did+ld+json"
)

func (p *PLC) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.index)
	mux.HandleFunc("GET /_health", p.health)
	mux.HandleFunc("GET /export", p.export)
	mux.HandleFunc("GET /{did}", p.read(mimeDocument, document))
	mux.HandleFunc("GET /{did}/data", p.read(mimeJSON, data))
	mux.HandleFunc("GET /{did}/log", p.read(mimeJSON, activeLog))
	mux.HandleFunc("GET /{did}/log/last", p.read(mimeJSON, lastOp))
	mux.HandleFunc("GET /{did}/log/audit", p.read(mimeJSON, auditLog))
	mux.HandleFunc("POST /{did}", p.post)
	return mux
}

func (p *PLC) index(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(w, "PLC directory of pds dev: identities here exist on this machine only.\n")
}

func (p *PLC) health(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, mimeJSON, map[string]string{"version": "dev"})
}

func (p *PLC) read(mime string, v view) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := p.look(r.PathValue("did"), v)
		if err != nil {
			writeError(w, err)
			return
		}
		w.Header().Set("Content-Type", mime)
		w.Write(body)
	}
}

// look encodes a view under the lock, so that a slow reader never holds it.
func (p *PLC) look(did string, v view) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	entries := p.ops.byDID[did]
	if len(entries) == 0 {
		return nil, refusal{http.StatusNotFound, "DID not registered: " + did}
	}
	out, err := v(did, entries)
	if err != nil {
		return nil, err
	}
	return json.Marshal(out)
}

func (p *PLC) post(w http.ResponseWriter, r *http.Request) {
	did := r.PathValue("did")
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		writeError(w, refusal{http.StatusRequestEntityTooLarge, "request too large"})
		return
	}
	var e didplc.OpEnum
	if err := json.Unmarshal(body, &e); err != nil {
		writeError(w, refusal{http.StatusBadRequest, "not a valid operation: " + err.Error()})
		return
	}
	op := e.AsOperation()
	if err := checkLimits(op); err != nil {
		writeError(w, err)
		return
	}
	if err := p.submit(r.Context(), did, op); err != nil {
		writeError(w, err)
		return
	}
	p.log.Debug("PLC operation accepted", "did", did, "cid", op.CID())
}

func (p *PLC) export(w http.ResponseWriter, r *http.Request) {
	count, after := exportDefault, time.Time{}
	var err error
	if s := r.URL.Query().Get("count"); s != "" {
		if count, err = strconv.Atoi(s); err != nil || count < 1 || count > exportMost {
			writeError(w, refusal{http.StatusBadRequest, fmt.Sprintf("count must be 1 to %d", exportMost)})
			return
		}
	}
	if s := r.URL.Query().Get("after"); s != "" {
		if after, err = time.Parse(time.RFC3339Nano, s); err != nil {
			writeError(w, refusal{http.StatusBadRequest, "after must be a date and time"})
			return
		}
	}
	w.Header().Set("Content-Type", mimeLines)
	w.Write(p.exported(after, count))
}

func (p *PLC) exported(after time.Time, count int) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out bytes.Buffer
	lines := json.NewEncoder(&out)
	for _, e := range p.ops.after(after, count) {
		lines.Encode(logEntry(e.DID, e.Op, e.OpCid, e.Nullified, e.CreatedAt))
	}
	return out.Bytes()
}

func activeLog(_ string, entries []*didplc.OpEntry) (any, error) {
	ops := []*didplc.OpEnum{}
	for _, e := range entries {
		if !e.Nullified {
			ops = append(ops, e.Op.AsOpEnum())
		}
	}
	return ops, nil
}

func auditLog(did string, entries []*didplc.OpEntry) (any, error) {
	log := []*didplc.LogEntry{}
	for _, e := range entries {
		log = append(log, logEntry(did, e.Op, e.OpCid, e.Nullified, e.CreatedAt))
	}
	return log, nil
}

func lastOp(_ string, entries []*didplc.OpEntry) (any, error) {
	return head(entries).AsOpEnum(), nil
}

// head is the newest operation in force. The first one is always in force.
func head(entries []*didplc.OpEntry) didplc.Operation {
	for i := len(entries) - 1; ; i-- {
		if !entries[i].Nullified {
			return entries[i].Op
		}
	}
}

func writeJSON(w http.ResponseWriter, status int, mime string, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", mime)
	w.WriteHeader(status)
	w.Write(b)
}

// writeError answers in the shape of the public directory: {"message": …}.
func writeError(w http.ResponseWriter, err error) {
	status, message := http.StatusInternalServerError, err.Error()
	var r refusal
	switch {
	case errors.As(err, &r):
		status = r.status
	case errors.Is(err, didplc.ErrInvalidOperation):
		status = http.StatusBadRequest
		message = strings.TrimPrefix(message, didplc.ErrInvalidOperation.Error()+": ")
	}
	writeJSON(w, status, mimeJSON, map[string]string{"message": message})
}
