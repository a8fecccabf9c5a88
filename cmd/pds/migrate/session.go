package migrate

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// session is an owner's credential: renewed by its refresh token, and where
// that has ended too, by the password, which is kept in memory only.
type session struct {
	server *server // with nobody signed in
	signIn signIn
	DID    syntax.DID
	Handle syntax.Handle
	Email  string
	Active bool
	Status string
	Doc    json.RawMessage

	mu              sync.Mutex // several blobs may be under way
	access, refresh string
}

// signIn is the input of createSession.
type signIn struct {
	Identifier      string `json:"identifier"`
	Password        string `json:"password"`
	AuthFactorToken string `json:"authFactorToken,omitempty"`
	AllowTakendown  bool   `json:"allowTakendown,omitempty"`
}

type sessionOut struct {
	AccessJwt, RefreshJwt string
	DID                   syntax.DID
	Handle                syntax.Handle
	Email                 string
	Active                *bool
	Status                string
	DIDDoc                json.RawMessage
}

// openSession signs in to a server and makes that its credential. factor is
// asked for the code of a second factor, where one is wanted.
func openSession(ctx context.Context, s *server, in signIn, factor func() (string, error)) (*session, error) {
	out := &session{server: &server{url: s.url, http: s.http, note: s.note, wait: s.wait}, signIn: in}
	err := out.open(ctx)
	for refusedAs(err, "AuthFactorTokenRequired") && factor != nil {
		if out.signIn.AuthFactorToken, err = factor(); err != nil {
			return nil, err
		}
		err = out.open(ctx)
		out.signIn.AuthFactorToken = "" // good for once
	}
	if err != nil {
		return nil, err
	}
	s.who = out
	return out, nil
}

func (s *session) open(ctx context.Context) error {
	var out sessionOut
	if err := s.server.do(ctx, "com.atproto.server.createSession", s.signIn, &out); err != nil {
		return err
	}
	s.take(out)
	return nil
}

func (s *session) take(out sessionOut) {
	s.DID, s.Handle, s.Email, s.Status, s.Doc = out.DID, out.Handle, out.Email, out.Status, out.DIDDoc
	s.Active = out.Active == nil || *out.Active
	s.access, s.refresh = out.AccessJwt, out.RefreshJwt
}

func (s *session) header() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return "Bearer " + s.access
}

func (s *session) renew(ctx context.Context) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out sessionOut
	by := *s.server
	by.who = bearer(s.refresh)
	err := by.call(ctx, request{method: "com.atproto.server.refreshSession", post: true}, &out)
	if err == nil {
		s.access, s.refresh = out.AccessJwt, out.RefreshJwt
		return true, nil
	}
	if s.signIn.Password == "" {
		return false, err
	}
	if err := s.server.do(ctx, "com.atproto.server.createSession", s.signIn, &out); err != nil {
		return false, fmt.Errorf("signing in again: %w", err)
	}
	s.access, s.refresh = out.AccessJwt, out.RefreshJwt
	return true, nil
}

// bearer is a token that nothing renews.
type bearer string

func (b bearer) header() string                     { return "Bearer " + string(b) }
func (bearer) renew(context.Context) (bool, error)  { return false, nil }
func (b basic) renew(context.Context) (bool, error) { return false, nil }

// basic is the operator's password.
type basic string

func (b basic) header() string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte("admin:"+string(b)))
}

// described is what describeServer says.
type described struct {
	DID                  syntax.DID
	AvailableUserDomains []string
	InviteCodeRequired   bool
}

func (s *server) describe(ctx context.Context) (d described, err error) {
	by := *s
	by.who = nil
	return d, by.query(ctx, "com.atproto.server.describeServer", nil, &d)
}

// hosts tells whether a handle lies below a domain of the server, so that it
// ends with the account there.
func (d described) hosts(h syntax.Handle) bool {
	for _, domain := range d.AvailableUserDomains {
		if strings.HasSuffix(h.Normalize().String(), strings.ToLower(domain)) {
			return true
		}
	}
	return false
}
