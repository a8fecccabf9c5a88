package operator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Remote is how a command is told which server to ask.
type Remote struct {
	Host    string `help:"URL or host name of the server. Default: PDS_HOSTNAME, or localhost with PDS_PORT."`
	EnvFile string `help:"File of PDS_* names; PDS_ADMIN_PASSWORD is read from the environment or from there." type:"existingfile"`
}

// Connect finds the server.
type Connect func(Remote) (*Server, error)

// Server is the server that is asked, and how.
type Server struct {
	URL      string // origin
	Password string // of the operator
	Crawlers []string
	Hostname string // by which relays know it
	Out      io.Writer
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 20

// requestTimeout is how long one request may take: a deletion takes a while.
const requestTimeout = 2 * time.Minute

// refusal is an answer of the server that is not 200.
type refusal struct {
	status        int
	name, message string
}

func (r refusal) Error() string {
	switch {
	case r.status == http.StatusUnauthorized && r.name == "AuthenticationRequired":
		return "the server does not know this password: is PDS_ADMIN_PASSWORD that of the server?"
	case r.message != "":
		return fmt.Sprintf("%s: %s", r.name, r.message)
	}
	return fmt.Sprintf("the server answered with status %d", r.status)
}

// query asks a method with GET.
func (s *Server) query(ctx context.Context, nsid string, params url.Values, out any) error {
	return s.ask(ctx, http.MethodGet, s.URL+"/xrpc/"+nsid+"?"+params.Encode(), nil, true, out)
}

// call asks a method with POST.
func (s *Server) call(ctx context.Context, nsid string, in, out any) error {
	return s.ask(ctx, http.MethodPost, s.URL+"/xrpc/"+nsid, in, true, out)
}

func (s *Server) ask(ctx context.Context, method, url string, in any, asOperator bool, out any) error {
	if asOperator && s.Password == "" {
		return errors.New("PDS_ADMIN_PASSWORD is not set")
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if asOperator {
		req.SetBasicAuth("admin", s.Password)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		var e struct{ Error, Message string }
		json.Unmarshal(answer, &e)
		return refusal{resp.StatusCode, e.Error, e.Message}
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

// did is the DID of an account that is named by DID or handle.
func (s *Server) did(ctx context.Context, account string) (string, error) {
	if strings.HasPrefix(account, "did:") {
		return account, nil
	}
	var out struct{ DID string }
	err := s.query(ctx, "com.atproto.identity.resolveHandle", url.Values{"handle": {strings.TrimPrefix(account, "@")}}, &out)
	if err != nil {
		return "", fmt.Errorf("%s: %w (accounts that are not active are named by their DID)", account, err)
	}
	return out.DID, nil
}
