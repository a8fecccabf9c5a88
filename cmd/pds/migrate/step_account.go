package migrate

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// account makes the account on the new server, or signs in to the one that an
// earlier run, or an earlier stay of the account, has left there.
func (m *Mover) account(ctx context.Context) error {
	password, err := m.Ask.Secret(SecretNew, fmt.Sprintf("Password on %s (a new account is made with it)", m.new.url))
	if err != nil {
		return err
	}
	in := signIn{Identifier: m.state.DID.String(), Password: password}
	if m.state.done(stepAccount) {
		if m.isOwner, err = openSession(ctx, m.new, in, m.newFactor); refusedWith(err, http.StatusUnauthorized) {
			return &Problem{What: fmt.Sprintf("%s does not take this password for %s", m.new.url, m.state.DID), Do: "It is the one with which the account was made there.", Err: err}
		}
		return err
	}
	err = m.create(ctx, password)
	if err == nil {
		return nil
	}
	// It may be there: from an earlier run that did not see the answer, or
	// because the account comes back to where it was.
	s, serr := openSession(ctx, m.new, in, m.newFactor)
	if serr == nil && s.DID == m.state.DID {
		m.isOwner, m.state.NewHandle = s, s.Handle
		m.note(fmt.Sprintf("%s has the account already; going on with it", m.new.url))
		return nil
	}
	m.new.who = nil
	switch {
	case refusedAs(err, "AlreadyExists"):
		return &Problem{What: fmt.Sprintf("%s has an account %s already, and this password does not open it", m.new.url, m.state.DID), Do: "Give the password that it has there, or ask its operator to delete it.", Err: err}
	case refusedAs(err, "InvalidInviteCode"):
		return &Problem{What: fmt.Sprintf("%s wants an invite code", m.new.url), Do: "Ask its operator for one and give it with --invite, or as the operator give --new-admin-password-file.", Err: err}
	case refusedAs(err, "InvalidHandle", "HandleNotAvailable", "UnsupportedDomain"):
		return &Problem{What: fmt.Sprintf("%s does not take the handle %s", m.new.url, m.state.NewHandle), Do: "Choose another: --new-handle", Err: err}
	}
	return err
}

func (m *Mover) newFactor() (string, error) {
	return m.Ask.Secret(SecretFactor, "Second factor of the new account")
}

// create signs up with the DID, vouched for by the old server or by a key.
func (m *Mover) create(ctx context.Context, password string) error {
	invite, err := m.invite(ctx)
	if err != nil {
		return err
	}
	if err := m.chooseHandle(); err != nil {
		return err
	}
	token, err := m.voucher(ctx)
	if err != nil {
		return err
	}
	email := m.Email
	if email == "" && m.wasOwner != nil {
		email = m.wasOwner.Email
	}
	if email == "" {
		email = m.manifest.Email
	}
	if email == "" {
		return &Problem{What: "no e-mail address is known for the account", Do: "Give one: --email"}
	}
	by := *m.new
	by.who = bearer(token)
	var out sessionOut
	in := map[string]any{"did": m.state.DID, "handle": m.state.NewHandle, "email": email, "password": password}
	if invite != "" {
		in["inviteCode"] = invite
	}
	if err := by.call(ctx, request{method: "com.atproto.server.createAccount", in: in, post: true, once: true}, &out); err != nil {
		return err
	}
	if out.DID != m.state.DID {
		return fmt.Errorf("%s made an account %s instead of %s", m.new.url, out.DID, m.state.DID)
	}
	m.isOwner = &session{server: &server{url: m.new.url, http: m.new.http, note: m.new.note, wait: m.new.wait},
		signIn: signIn{Identifier: m.state.DID.String(), Password: password}}
	m.isOwner.take(out)
	m.new.who = m.isOwner
	m.note(fmt.Sprintf("%s, not active yet", m.state.NewHandle))
	return nil
}

func (m *Mover) invite(ctx context.Context) (string, error) {
	if m.Invite != "" || m.Admin == "" || !m.here.InviteCodeRequired {
		return m.Invite, nil
	}
	by := *m.new
	by.who = basic(m.Admin)
	var out struct{ Code string }
	if err := by.do(ctx, "com.atproto.server.createInviteCode", map[string]any{"useCount": 1}, &out); err != nil {
		return "", &Problem{What: fmt.Sprintf("%s did not make an invite code", m.new.url), Do: "Is the admin password right?", Err: err}
	}
	return out.Code, nil
}

// chooseHandle keeps the handle, unless it belongs to the old server.
func (m *Mover) chooseHandle() error {
	if m.NewHandle != "" {
		h, err := syntax.ParseHandle(m.NewHandle)
		if err != nil {
			return &Problem{What: fmt.Sprintf("%q is not a handle", m.NewHandle), Err: err}
		}
		m.state.NewHandle = h.Normalize()
		return nil
	}
	h := m.state.Handle
	if h == "" || h.IsInvalidHandle() {
		return &Problem{What: "the account has no valid handle to keep", Do: "Choose one: --new-handle"}
	}
	if m.here.hosts(h) {
		m.state.NewHandle = h
		return nil
	}
	there := described{}
	if m.old != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		var err error
		if there, err = m.old.describe(ctx); err != nil {
			return err
		}
	}
	if there.hosts(h) {
		suggestion := ""
		if len(m.here.AvailableUserDomains) > 0 {
			suggestion = ", for example " + h.String()[:firstDot(h.String())] + m.here.AvailableUserDomains[0]
		}
		return &Problem{What: fmt.Sprintf("the handle %s belongs to the old server", h), Do: "Choose one for the new server: --new-handle" + suggestion}
	}
	m.state.NewHandle = h
	return nil
}

func firstDot(s string) int {
	for i := range len(s) {
		if s[i] == '.' {
			return i
		}
	}
	return len(s)
}
