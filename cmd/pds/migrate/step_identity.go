package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/did-method-plc/go-didplc/didplc"

	"troupe/actors/identity/plc"
)

// credentials is what a server wants the DID document to say.
type credentials struct {
	RotationKeys        []string                    `json:"rotationKeys,omitempty"`
	AlsoKnownAs         []string                    `json:"alsoKnownAs"`
	VerificationMethods map[string]string           `json:"verificationMethods"`
	Services            map[string]didplc.OpService `json:"services"`
}

func (s *server) recommended(ctx context.Context) (c credentials, err error) {
	if err = s.query(ctx, "com.atproto.identity.getRecommendedDidCredentials", nil, &c); err == nil &&
		(c.VerificationMethods[plc.SigningMethodID] == "" || c.Services[plc.ServiceID].Endpoint == "") {
		err = fmt.Errorf("%s does not say with which key or where it serves the account", s.url)
	}
	return c, err
}

// identity makes the DID document name the new server. Until then the account
// is the old server's, from then on the new one's.
func (m *Mover) identity(ctx context.Context) error {
	want, err := m.new.recommended(ctx)
	if err != nil {
		return err
	}
	there, err := m.moved(ctx, want)
	if err != nil {
		return err
	}
	if there {
		m.note("the DID document names the new server already")
		return nil
	}
	if err := m.catchUp(ctx); err != nil {
		return err
	}
	if m.state.DID.Method() == "web" {
		return m.waitForDocument(ctx, want)
	}
	if m.state.Operation == nil {
		if err := m.sign(ctx, want); err != nil {
			return err
		}
		// What was signed is known before it is sent: whether it arrived can
		// then be found out, and the very same bytes sent again.
		if err := m.state.save(); err != nil {
			return err
		}
		// The code may have taken an hour to be typed.
		if err := errors.Join(m.catchUp(ctx), m.preferencesAgain(ctx)); err != nil {
			return err
		}
	}
	err = m.new.do(ctx, "com.atproto.identity.submitPlcOperation", map[string]any{"operation": m.state.Operation}, nil)
	if err != nil {
		if there, derr := m.moved(ctx, want); derr == nil && there {
			return nil // a first copy of it was faster
		}
		if refusedWith(err, http.StatusBadRequest) {
			m.state.Operation = nil // it will not be taken the next time either
			return errors.Join(err, m.state.save())
		}
		return err
	}
	m.note("the DID document names the new server now")
	return nil
}

// moved tells whether the directory has what the new server wants.
func (m *Mover) moved(ctx context.Context, want credentials) (bool, error) {
	doc, err := m.dir.document(ctx, m.state.DID)
	if err != nil {
		return false, err
	}
	return doc.endpoint == strings.TrimRight(want.Services[plc.ServiceID].Endpoint, "/") &&
		doc.key != nil && doc.key.DIDKey() == want.VerificationMethods[plc.SigningMethodID], nil
}

// catchUp brings what was written to the old account since the repository was
// fetched, so that next to nothing is written to it and left behind.
func (m *Mover) catchUp(ctx context.Context) error {
	if m.From != "" || m.old == nil || m.wasOwner.Status == "takendown" { // nothing is written to that one
		return nil
	}
	for range 3 {
		var head struct{ Rev syntax.TID }
		if err := m.old.query(ctx, "com.atproto.sync.getLatestCommit", url.Values{"did": {m.state.DID.String()}}, &head); err != nil {
			return err
		}
		if head.Rev == m.state.Repository.Rev {
			return nil
		}
		m.note("the account has been written to meanwhile; bringing that too")
		for _, part := range []func(*Mover, context.Context) error{(*Mover).repository, (*Mover).blobs} {
			if err := part(m, ctx); err != nil {
				return err
			}
		}
		if err := m.state.save(); err != nil {
			return err
		}
	}
	return &Problem{What: "the account is being written to on the old server all the time", Do: "Stop what writes there (another app, a bot) and run the same command again."}
}

// sign gets the operation signed: by the user's own key, or by the old server.
func (m *Mover) sign(ctx context.Context, want credentials) error {
	data, err := m.dir.plc.Data(ctx, m.state.DID)
	if err != nil {
		return fmt.Errorf("PLC directory: %w", err)
	}
	want.RotationKeys = m.rotationKeys(ctx, data.RotationKeys, want.RotationKeys)
	if m.Recovery != nil {
		m.state.Operation, err = m.signByKey(ctx, want)
		return err
	}
	return m.signByServer(ctx, want)
}

// rotationKeys are the user's own keys, then those of the new server. Which are
// the user's own is what the old server does not call its own.
func (m *Mover) rotationKeys(ctx context.Context, present, wanted []string) []string {
	var theirs []string
	if m.old != nil {
		if old, err := m.old.recommended(ctx); err == nil {
			theirs = old.RotationKeys
		} else {
			// Nobody knows. A key of the old operator's that stayed could undo the
			// move, one of the user's that is gone can be added again.
			theirs = present
			if len(present) > 1 {
				m.note("warning: the old server does not say which rotation keys are its own, so none is kept; add yours again")
			}
		}
	}
	var keys []string
	for _, k := range present {
		own := !slices.Contains(theirs, k)
		if m.old == nil { // the old server is gone: only the key that is shown to be the user's
			own = m.ownKey(k)
		}
		if own && !slices.Contains(wanted, k) {
			keys = append(keys, k)
		}
	}
	all := append(keys, wanted...)
	if most := 5; len(all) > most {
		m.note(fmt.Sprintf("warning: %d rotation keys, of which the directory takes %d", len(all), most))
		all = append(keys[:max(0, most-len(wanted))], wanted...)
	}
	if len(keys) > 0 {
		m.note(fmt.Sprintf("keeping your own rotation keys: %s", strings.Join(keys, " ")))
	}
	return all
}

func (m *Mover) ownKey(k string) bool {
	public, err := m.Recovery.PublicKey()
	return err == nil && public.DIDKey() == k
}

// signByServer has the old server sign, which takes a code that it has mailed.
func (m *Mover) signByServer(ctx context.Context, want credentials) error {
	code, refused := m.Code, false
	m.Code = "" // good for once
	if code == "" && time.Since(m.state.CodeAskedAt) > codeLifetime {
		if err := m.askForCode(ctx); err != nil {
			return err
		}
	}
	for range 6 {
		if code == "" {
			var err error
			code, err = m.Ask.Code(fmt.Sprintf("Code that %s has mailed to %s (empty: mail a new one)", m.old.url, m.wasOwner.Email))
			if errors.Is(err, ErrNobody) {
				return m.nobodyHasCode(refused)
			}
			if err != nil {
				return err
			}
		}
		if code == "" {
			if err := m.askForCode(ctx); err != nil {
				return err
			}
			continue
		}
		err := m.signWith(ctx, code, want)
		if !refusedAs(err, "ExpiredToken", "InvalidToken") {
			return err
		}
		m.note("the old server does not take this code (" + err.Error() + ")")
		code, refused = "", true
	}
	return &Problem{What: "no code was right", Do: "Run the same command again: an empty code has a new one mailed."}
}

func (m *Mover) signWith(ctx context.Context, code string, want credentials) error {
	var out struct{ Operation json.RawMessage }
	in := struct {
		Token string `json:"token"`
		credentials
	}{code, want}
	err := m.old.call(ctx, request{method: "com.atproto.identity.signPlcOperation", in: in, post: true, once: true}, &out)
	if err == nil && len(out.Operation) == 0 {
		err = fmt.Errorf("%s signed nothing", m.old.url)
	}
	m.state.Operation = out.Operation
	return err
}

// nobodyHasCode ends a run that nobody watches.
func (m *Mover) nobodyHasCode(refused bool) error {
	if refused {
		return &Problem{What: fmt.Sprintf("%s does not take the code", m.old.url), Do: "Run the same command again with the right one, or with --new-code to have another one mailed."}
	}
	return &Problem{What: fmt.Sprintf("%s has mailed a code to %s", m.old.url, m.wasOwner.Email), Do: "Run the same command again with --code CODE."}
}

// codeLifetime is how long servers take a code.
const codeLifetime = 15 * time.Minute

func (m *Mover) askForCode(ctx context.Context) error {
	if err := m.old.call(ctx, request{method: "com.atproto.identity.requestPlcOperationSignature", post: true}, nil); err != nil {
		return err
	}
	m.state.CodeAskedAt = time.Now().UTC()
	m.note("the old server mails a code that allows the change")
	return m.state.save()
}
