package crashtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// password of every account.
const password = "crash-password"

// operatorPassword is the server's.
const operatorPassword = "admin"

// person is an account that writers share.
type person struct {
	DID    syntax.DID `json:"did"`
	Handle string     `json:"handle"`
	Access string     `json:"accessJwt"`
}

// errNotSent says that a request never left: nobody listened.
var errNotSent = errors.New("not sent")

// refusal is an answer that was not 200.
type refusal struct {
	Status  int
	Name    string `json:"error"`
	Message string `json:"message"`

	cut bool // the power was cut between the request and its answer
}

const afterCut = " after the power was cut"

// what is how a report names the refusal. A server whose disk is gone has
// nothing better to say than 503 until it is gone itself; of any other 5xx the
// reader wants to know the reason.
func (r refusal) what() string {
	switch {
	case r.cut:
		return fmt.Sprintf("%d %s%s", r.Status, r.Name, afterCut)
	case r.Status >= 500 && r.Name != full:
		return fmt.Sprintf("%d %s (%s)", r.Status, r.Name, r.Message)
	}
	return fmt.Sprintf("%d %s", r.Status, r.Name)
}

func (r refusal) Error() string { return fmt.Sprintf("%d %s: %.60s", r.Status, r.Name, r.Message) }

// full is the name of a refusal for want of space.
const full = "InsufficientStorage"

// client asks one server.
type client struct {
	http *http.Client
	url  string
	cuts *atomic.Int64 // server.cuts; nil: its power is not cut
}

func newClient(s *server) client {
	return client{&http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}, s.url, &s.cuts}
}

// post asks a procedure. Errors: [refusal]; [errNotSent]; any other means that
// there was no answer, and that the request may have been done.
func (c client) post(ctx context.Context, token, nsid string, in, out any) error {
	b, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/xrpc/"+nsid, bytes.NewReader(b))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return c.do(req, out)
}

// get asks a query; the errors of post.
func (c client) get(ctx context.Context, nsid string, q url.Values, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+"/xrpc/"+nsid+"?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	return c.do(req, out)
}

// send asks a procedure that takes nothing.
func (c client) send(ctx context.Context, token, nsid string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/xrpc/"+nsid, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	return c.do(req, nil)
}

// operate asks a procedure as the operator.
func (c client) operate(ctx context.Context, nsid string, in any) error {
	b, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/xrpc/"+nsid, bytes.NewReader(b))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.SetBasicAuth("admin", operatorPassword)
	return c.do(req, nil)
}

// inquire asks a query as the operator.
func (c client) inquire(ctx context.Context, nsid string, q url.Values, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+"/xrpc/"+nsid+"?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	req.SetBasicAuth("admin", operatorPassword)
	return c.do(req, out)
}

// note writes a record.
func (c client) note(ctx context.Context, p person) error {
	return c.post(ctx, p.Access, "com.atproto.repo.createRecord", map[string]any{
		"repo": p.DID, "collection": notes, "record": map[string]any{"$type": notes, "text": "here"},
	}, nil)
}

func (c client) do(req *http.Request, out any) error {
	cuts := c.cutsSoFar()
	res, err := c.http.Do(req)
	if op := (*net.OpError)(nil); errors.As(err, &op) && op.Op == "dial" {
		return errNotSent
	}
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err // half an answer is none
	}
	if res.StatusCode != http.StatusOK {
		r := refusal{Status: res.StatusCode}
		if json.Unmarshal(body, &r) != nil {
			r.Message = string(body)
		}
		r.cut = cuts%2 == 1 || c.cutsSoFar() != cuts
		return r
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(body, out)
}

func (c client) cutsSoFar() int64 {
	if c.cuts == nil {
		return 0
	}
	return c.cuts.Load()
}

func (c client) signUp(ctx context.Context, handle string) (p person, err error) {
	err = c.post(ctx, "", "com.atproto.server.createAccount", map[string]any{
		"handle": handle, "email": strings.TrimSuffix(handle, ".test") + "@example.com", "password": password,
	}, &p)
	return p, err
}

func (c client) signIn(ctx context.Context, handle string) (p person, err error) {
	err = c.post(ctx, "", "com.atproto.server.createSession", map[string]any{"identifier": handle, "password": password}, &p)
	return p, err
}

// resolve asks whose name it is, and fails until that account is active.
func (c client) resolve(ctx context.Context, handle string) (syntax.DID, error) {
	var out struct {
		DID    syntax.DID `json:"did"`
		Active bool       `json:"active"`
	}
	if err := c.get(ctx, "com.atproto.identity.resolveHandle", url.Values{"handle": {handle}}, &out); err != nil {
		return "", err
	}
	if err := c.get(ctx, "com.atproto.sync.getRepoStatus", url.Values{"did": {out.DID.String()}}, &out); err != nil {
		return "", err
	}
	if !out.Active {
		return "", errors.New("not active yet")
	}
	return out.DID, nil
}

// head is what the server says an account's newest commit is.
type head struct {
	CID string     `json:"cid"`
	Rev syntax.TID `json:"rev"`
}

func (c client) head(ctx context.Context, did syntax.DID) (h head, err error) {
	err = c.get(ctx, "com.atproto.sync.getLatestCommit", url.Values{"did": {did.String()}}, &h)
	return h, err
}

// record is the CID of a record, "" if there is none.
func (c client) record(ctx context.Context, did syntax.DID, path string) (string, error) {
	collection, rkey, _ := strings.Cut(path, "/")
	var got struct {
		CID string `json:"cid"`
	}
	err := c.get(ctx, "com.atproto.repo.getRecord", url.Values{"repo": {did.String()}, "collection": {collection}, "rkey": {rkey}}, &got)
	if r := (refusal{}); errors.As(err, &r) && r.Name == "RecordNotFound" {
		return "", nil
	}
	return got.CID, err
}

// export reads a whole repository and throws it away.
func (c client) export(ctx context.Context, did syntax.DID) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+"/xrpc/com.atproto.sync.getRepo?did="+url.QueryEscape(did.String()), nil)
	if err != nil {
		return err
	}
	return c.do(req, nil)
}
