package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// quietTime is how long a replay may say nothing before it counts as ended.
const quietTime = 10 * time.Second

// Auditor is a Stream and the server that it is about.
type Auditor struct {
	*Stream
	url    string
	client *http.Client

	Replays  int // connections whose bytes were compared with the history
	Replayed int // events of them
	Exports  int // repositories that were read from scratch
	Records  int // records of them
}

// New makes an auditor of the server at o.URL.
func New(o Options) *Auditor {
	return &Auditor{
		Stream: NewStream(o), url: strings.TrimSuffix(o.URL, "/"),
		client: &http.Client{Timeout: time.Minute},
	}
}

// dial opens subscribeRepos. cursor nil: only what comes from now on.
func (a *Auditor) dial(ctx context.Context, cursor *int64) (*websocket.Conn, error) {
	address := "ws" + strings.TrimPrefix(a.url, "http") + "/xrpc/com.atproto.sync.subscribeRepos"
	if cursor != nil {
		address += "?cursor=" + strconv.FormatInt(*cursor, 10)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, address, nil)
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(2 * maxFrame) // a frame above the limit is a finding, not an error
	return conn, nil
}

// Frames reads what comes after cursor until the connection ends, ctx does, or
// got fails, and verifies nothing. The error is why it ended. It does not touch
// the Stream and may run beside what does.
func (a *Auditor) Frames(ctx context.Context, cursor *int64, got func(frame []byte) error) error {
	conn, err := a.dial(ctx, cursor)
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	for {
		_, frame, err := conn.Read(ctx)
		if err != nil {
			return err
		}
		if err := got(frame); err != nil {
			return err
		}
	}
}

// Follow verifies events after cursor until the connection ends or ctx does,
// and hands each to seen. The error is why the connection ended.
func (a *Auditor) Follow(ctx context.Context, cursor *int64, seen func(Event, []Finding)) error {
	a.Connected(0)
	if cursor != nil {
		a.Connected(*cursor)
	}
	return a.Frames(ctx, cursor, func(frame []byte) error {
		// What was read is verified even if ctx ends meanwhile.
		e, found, err := a.Event(context.WithoutCancel(ctx), frame)
		if err != nil {
			return err
		}
		if e.Kind == KindInfo {
			a.Joined() // OutdatedCursor: the beginning is no longer there
		}
		if seen != nil {
			seen(e, found)
		}
		return nil
	})
}

// Replay reads again what came after cursor, up to the newest event of the
// history, and compares the bytes.
func (a *Auditor) Replay(ctx context.Context, cursor int64) error {
	conn, err := a.dial(ctx, &cursor)
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	a.Replays++
	next, _ := a.ledger.after(cursor)
	for next < len(a.ledger) {
		e, err := a.readOne(ctx, conn)
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			a.replayFinding(a.ledger[next], "missing: the replay from %d says nothing more", cursor)
			return nil
		}
		if err != nil {
			return err
		}
		if e.Kind == KindInfo {
			continue
		}
		a.Replayed++
		for next < len(a.ledger) && a.ledger[next].seq < e.Seq {
			a.missing(a.ledger[next], cursor)
			next++
		}
		if next == len(a.ledger) {
			break // newer than the history
		}
		switch want := a.ledger[next]; {
		case want.seq > e.Seq:
			a.replayFinding(entry{seq: e.Seq, did: e.DID}, "not there when the history was read")
		case want.digest != e.Digest:
			a.replayFinding(want, "other bytes from cursor %d", cursor)
			next++
		default:
			next++
		}
	}
	return nil
}

// missing is fine for a deleted account: its other events leave the log.
func (a *Auditor) missing(want entry, cursor int64) {
	if h := a.accounts[want.did]; h == nil || h.status != "deleted" {
		a.replayFinding(want, "missing from cursor %d", cursor)
	}
}

func (a *Auditor) replayFinding(at entry, format string, args ...any) {
	a.Findings = append(a.Findings, Finding{RuleReplay, at.seq, at.did, fmt.Sprintf(format, args...)})
}

func (a *Auditor) readOne(ctx context.Context, conn *websocket.Conn) (Event, error) {
	ctx, cancel := context.WithTimeout(ctx, quietTime)
	defer cancel()
	_, frame, err := conn.Read(ctx)
	if err != nil {
		return Event{}, err
	}
	return Decode(frame)
}

// statusError is an answer that was not 200.
type statusError struct {
	status int
	body   string
}

func (e statusError) Error() string { return fmt.Sprintf("%d %s", e.status, e.body) }

// get asks an XRPC query; a [statusError] for any answer but 200.
func (a *Auditor) get(ctx context.Context, nsid string, q url.Values) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url+"/xrpc/"+nsid+"?"+q.Encode(), nil)
	if err != nil {
		return nil, err
	}
	res, err := a.client.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode == http.StatusOK {
		return res.Body, nil
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(io.LimitReader(res.Body, 1000))
	return nil, statusError{res.StatusCode, string(b)}
}
