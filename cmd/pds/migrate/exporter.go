package migrate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// Exporter is whose account is exported, from where, and by whom.
type Exporter struct {
	Account string // handle, DID, or e-mail address
	Server  string // "": the one that the DID document names
	PLC     string
	Folder  Folder
	Workers int
	Ask     Asker
	Say     func(string)

	// One of these is the credential; none: the owner's password, which is asked for.
	Admin string // the operator's password
	Token string // an access token that the server's own folder has made
	// Pause is made before something that failed is tried again; nil: it grows from a second.
	Pause func(context.Context) error
	// Seal returns the sealed signing key; nil: no key is exported.
	Seal func(syntax.DID) ([]byte, error)
}

// Run exports the account.
func (x *Exporter) Run(ctx context.Context) (Manifest, error) {
	dir := newDirectory(x.PLC)
	from, err := x.server(ctx, dir)
	if err != nil {
		return Manifest{}, err
	}
	e := &Export{Folder: x.Folder, Workers: x.Workers, Seal: x.Seal, from: from, dir: dir, say: x.Say}
	var about Manifest
	switch {
	case x.Token != "":
		e.By, from.who = "data directory", bearer(x.Token)
		about, err = x.asToken(ctx, from)
	case x.Admin != "":
		e.By, from.who = "operator", basic(x.Admin)
		about, err = x.asOperator(ctx, from)
	default:
		e.By = "owner"
		about, err = x.asOwner(ctx, from)
	}
	if err != nil {
		return Manifest{}, err
	}
	e.did = about.DID
	x.Say(fmt.Sprintf("account: %s, %s", about.DID, about.Handle))
	return e.run(ctx, about)
}

// server is the one that was named, or the account's own.
func (x *Exporter) server(ctx context.Context, dir *directory) (*server, error) {
	address := x.Server
	if address == "" {
		did, err := dir.find(ctx, x.Account)
		if err != nil {
			return nil, err
		}
		doc, err := dir.document(ctx, did)
		if err != nil {
			return nil, err
		}
		if address = doc.endpoint; address == "" {
			return nil, &Problem{What: fmt.Sprintf("the DID document of %s names no server", did), Do: "Say which one has the account: --server"}
		}
	}
	s, err := newServer(address, x.Say)
	if err == nil && x.Pause != nil {
		s.wait = func(ctx context.Context, _ time.Duration) error { return x.Pause(ctx) }
	}
	return s, err
}

func (x *Exporter) asOwner(ctx context.Context, from *server) (Manifest, error) {
	s, err := signInAs(ctx, from, x.Account, x.Ask, SecretPassword)
	if err != nil {
		return Manifest{}, err
	}
	return Manifest{DID: s.DID, Handle: s.Handle, Email: s.Email, Status: s.status()}, nil
}

func (x *Exporter) asToken(ctx context.Context, from *server) (m Manifest, err error) {
	var out sessionOut
	if err = from.query(ctx, "com.atproto.server.getSession", nil, &out); err != nil {
		// A taken-down account has no session, but may be exported.
		m.DID, err = syntax.ParseDID(x.Account)
		m.Status = "takendown"
		return m, err
	}
	s := session{}
	s.take(out)
	return Manifest{DID: s.DID, Handle: s.Handle, Email: s.Email, Status: s.status()}, nil
}

func (x *Exporter) asOperator(ctx context.Context, from *server) (m Manifest, err error) {
	if m.DID, err = syntax.ParseDID(x.Account); err != nil {
		var out struct{ DID syntax.DID }
		if err := from.query(ctx, "com.atproto.identity.resolveHandle", url.Values{"handle": {x.Account}}, &out); err != nil {
			return m, &Problem{What: fmt.Sprintf("the server finds no active account %s", x.Account), Do: "Name the account by its DID.", Err: err}
		}
		m.DID = out.DID
	}
	var info struct {
		Handle syntax.Handle
		Email  string
	}
	err = from.query(ctx, "com.atproto.admin.getAccountInfo", url.Values{"did": {m.DID.String()}}, &info)
	if refusedWith(err, http.StatusUnauthorized) {
		return m, &Problem{What: "the server does not take the admin password", Err: err}
	}
	if err != nil {
		return m, err
	}
	m.Handle, m.Email = info.Handle, info.Email
	var status struct {
		Active bool
		Status string
	}
	if err := from.query(ctx, "com.atproto.sync.getRepoStatus", url.Values{"did": {m.DID.String()}}, &status); err == nil && !status.Active {
		m.Status = status.Status
	}
	return m, nil
}

func (s *session) status() string {
	if s.Active {
		return ""
	}
	if s.Status == "" {
		return "inactive"
	}
	return s.Status
}

// signInAs signs the owner in, taken down or not, asking for what is needed.
func signInAs(ctx context.Context, to *server, name string, ask Asker, secret Secret) (*session, error) {
	password, err := ask.Secret(secret, fmt.Sprintf("Password of %s on %s", name, to.url))
	if err != nil {
		return nil, err
	}
	in := signIn{Identifier: strings.TrimPrefix(name, "@"), Password: password, AllowTakendown: true}
	s, err := openSession(ctx, to, in, func() (string, error) {
		return ask.Secret(SecretFactor, fmt.Sprintf("Second factor for %s (a code was mailed, or an app shows it)", name))
	})
	if refusedWith(err, http.StatusUnauthorized) && !refusedAs(err, "AuthFactorTokenRequired") {
		return nil, &Problem{What: fmt.Sprintf("%s does not know %s with this password", to.url, name), Do: "It takes the account's own password there; an app password may not move an account.", Err: err}
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Asker asks the user for what was not given.
type Asker interface {
	// Secret asks for something that is not shown. ErrNobody where it was not given and nobody is there to ask.
	Secret(which Secret, prompt string) (string, error)
	// Code asks for the code of a mail. ErrNobody.
	Code(prompt string) (string, error)
}

// Secret is what may be asked for.
type Secret string

const (
	SecretPassword   Secret = "password"     // of the account, on the server that has it
	SecretOld        Secret = "old password" // of the account where it moves away from
	SecretNew        Secret = "new password" // of the account where it moves to
	SecretFactor     Secret = "second factor"
	SecretPassphrase Secret = "passphrase" // of exported keys
)

// ErrNobody: there is nobody to ask.
var ErrNobody = errors.New("not given, and there is no terminal to ask at")
