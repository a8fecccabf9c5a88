package plc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/did-method-plc/go-didplc/didplc"

	"troupe/actors/outbound"
)

const (
	maxAnswer  = 1 << 20 // a log: each operation is at most 4,000 bytes of CBOR
	maxMessage = 512     // of a refusal that is kept
)

// Directory is a client of one PLC directory.
type Directory struct {
	url    string
	client *http.Client
}

// NewDirectory returns a client of the directory at url (scheme and host, for example
// https://plc.directory). c should come from outbound.NewClient.
func NewDirectory(url string, c *http.Client) *Directory {
	return &Directory{url: strings.TrimRight(url, "/"), client: c}
}

// Data is the current state of a DID: GET /{did}/data.
type Data struct {
	DID                 syntax.DID                  `json:"did"`
	RotationKeys        []string                    `json:"rotationKeys"`
	VerificationMethods map[string]string           `json:"verificationMethods"`
	AlsoKnownAs         []string                    `json:"alsoKnownAs"`
	Services            map[string]didplc.OpService `json:"services"`
}

// Submit sends a signed operation. It may be repeated with the same bytes: an
// operation that the directory's log already holds (and has not nullified) is success.
// ErrRejected, ErrUnavailable (outcome unknown), ErrOperation.
func (d *Directory) Submit(ctx context.Context, did syntax.DID, op []byte) error {
	parsed, err := Parse(op)
	if err != nil {
		return err
	}
	resp, err := d.send(ctx, http.MethodPost, "/"+did.String(), op)
	if err != nil {
		return err
	}
	_, err = d.answer(resp)
	if err == nil {
		return nil
	}
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrGone) {
		err = &RejectedError{Status: resp.StatusCode, Message: err.Error()}
	}
	if !errors.Is(err, ErrRejected) {
		return err
	}
	// A refusal may mean that an earlier copy arrived and only its answer was lost.
	known, lookup := d.Holds(ctx, did, parsed.CID().String())
	if lookup != nil {
		return lookup
	}
	if known {
		return nil
	}
	return err
}

// Holds reports whether the operation with this CID is in did's log and in force.
func (d *Directory) Holds(ctx context.Context, did syntax.DID, cid string) (bool, error) {
	log, err := d.Log(ctx, did)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, op := range log {
		if op.CID().String() == cid {
			return true, nil
		}
	}
	return false, nil
}

// Last is the newest operation of did, the one whose CID the next must name: GET /{did}/log/last.
func (d *Directory) Last(ctx context.Context, did syntax.DID) (didplc.Operation, error) {
	b, err := d.get(ctx, "/"+did.String()+"/log/last")
	if err != nil {
		return nil, err
	}
	op, err := Parse(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return op, nil
}

// Log lists the operations in force, oldest first: GET /{did}/log.
func (d *Directory) Log(ctx context.Context, did syntax.DID) ([]didplc.Operation, error) {
	b, err := d.get(ctx, "/"+did.String()+"/log")
	if err != nil {
		return nil, err
	}
	var entries []json.RawMessage
	if err := json.Unmarshal(b, &entries); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	ops := make([]didplc.Operation, 0, len(entries))
	for _, e := range entries {
		op, err := Parse(e)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		ops = append(ops, op)
	}
	return ops, nil
}

// Audit lists every operation with its time, also nullified ones: GET /{did}/log/audit.
func (d *Directory) Audit(ctx context.Context, did syntax.DID) ([]didplc.LogEntry, error) {
	var entries []didplc.LogEntry
	return entries, d.into(ctx, "/"+did.String()+"/log/audit", &entries)
}

// Data is the current state of did. ErrGone if it is tombstoned.
func (d *Directory) Data(ctx context.Context, did syntax.DID) (Data, error) {
	var data Data
	err := d.into(ctx, "/"+did.String()+"/data", &data)
	if err == nil && data.DID != did {
		err = fmt.Errorf("%w: asked for %s, got %s", ErrUnavailable, did, data.DID)
	}
	return data, err
}

// Document is the raw DID document of did: GET /{did}.
func (d *Directory) Document(ctx context.Context, did syntax.DID) ([]byte, error) {
	return d.get(ctx, "/"+did.String())
}

func (d *Directory) into(ctx context.Context, path string, v any) error {
	b, err := d.get(ctx, path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}

func (d *Directory) get(ctx context.Context, path string) ([]byte, error) {
	resp, err := d.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	return d.answer(resp)
}

func (d *Directory) send(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, d.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	req.Header.Set("Accept", "application/did+ld+json, application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return resp, nil
}

// answer reads a response: the body of a 200, or the error that the status stands for.
func (d *Directory) answer(resp *http.Response) ([]byte, error) {
	b, err := outbound.ReadAll(resp, maxAnswer)
	switch status := resp.StatusCode; {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	case status == http.StatusOK:
		return b, nil
	case status == http.StatusNotFound:
		return nil, ErrNotFound
	case status == http.StatusGone:
		return nil, ErrGone
	case status == http.StatusTooManyRequests, status == http.StatusRequestTimeout:
		return nil, fmt.Errorf("%w: status %d", ErrUnavailable, status)
	case status >= 400 && status < 500:
		return nil, &RejectedError{Status: status, Message: message(b)}
	default:
		return nil, fmt.Errorf("%w: status %d", ErrUnavailable, status)
	}
}

// message is the directory's {"message": …}, or the start of whatever it sent.
func message(b []byte) string {
	var m struct {
		Message string `json:"message"`
	}
	text := string(b)
	if json.Unmarshal(b, &m) == nil && m.Message != "" {
		text = m.Message
	}
	if len(text) > maxMessage {
		text = text[:maxMessage]
	}
	return strings.ToValidUTF8(text, "�")
}
