package migrate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
)

// Mover moves one account from one server to another, as its owner. It may be
// stopped at any moment and run again.
type Mover struct {
	Account string // handle, DID, or with Old an e-mail address
	Old     string // "": the one that the DID document names, or with From none
	New     string
	From    Folder // "": everything comes from the old server
	PLC     string
	State   string // "": StatePath

	NewHandle string // "": the same, where the new server can take it
	Email     string // "": the same
	Invite    string
	Admin     string              // operator's password of the new server, to make an invite code with
	Recovery  atcrypto.PrivateKey // a rotation key of the user's own; nil: the old server signs
	Code      string              // that the old server has mailed; "": it is asked for
	NewCode   bool                // have another one mailed
	Transport http.RoundTripper   // of all calls of both servers; nil: a default
	KeepOld   bool                // do not deactivate the old account
	SkipBlobs bool                // go on although blobs cannot be had
	Workers   int
	Ask       Asker
	Say       func(string)

	dir      *directory
	state    *State
	old, new *server
	wasOwner *session  // on the old server
	isOwner  *session  // on the new one
	here     described // the new server
	manifest Manifest  // of From
}

type stepName string

const (
	stepAccount     stepName = "account"
	stepRepository  stepName = "repository"
	stepBlobs       stepName = "blobs"
	stepPreferences stepName = "preferences"
	stepIdentity    stepName = "identity"
	stepActivate    stepName = "activate"
	stepDeactivate  stepName = "deactivate"
	stepVerify      stepName = "verify"
)

// steps of a migration in their order. Each may be run again after any of its
// own halves, and finds out what is done by asking, not by what it remembers.
var steps = []struct {
	name stepName
	what string
	run  func(*Mover, context.Context) error
}{
	{stepAccount, "an account on the new server", (*Mover).account},
	{stepRepository, "the repository", (*Mover).repository},
	{stepBlobs, "blobs", (*Mover).blobs},
	{stepPreferences, "preferences", (*Mover).preferences},
	{stepIdentity, "the identity", (*Mover).identity},
	{stepActivate, "activation", (*Mover).activate},
	{stepDeactivate, "the old account", (*Mover).deactivate},
	{stepVerify, "what the world sees", (*Mover).verify},
}

// Run moves the account, from where it stopped the last time.
func (m *Mover) Run(ctx context.Context) (*State, error) {
	if err := m.begin(ctx); err != nil {
		return m.state, err
	}
	for i, s := range steps {
		if m.state.done(s.name) && s.name != stepAccount && s.name != stepVerify {
			m.Say(fmt.Sprintf("[%d/%d] %s: done before", i+1, len(steps), s.what))
			continue
		}
		m.Say(fmt.Sprintf("[%d/%d] %s", i+1, len(steps), s.what))
		if err := s.run(m, ctx); err != nil {
			return m.state, m.stopped(ctx, s.what, err)
		}
		if err := m.state.finish(s.name); err != nil {
			return m.state, err
		}
	}
	m.state.TemporaryKey = ""
	return m.state, errors.Join(m.state.save(), m.state.clear())
}

// stopped says where a migration stands and that it may be gone on with.
func (m *Mover) stopped(ctx context.Context, what string, err error) error {
	p := (*Problem)(nil)
	if errors.As(err, &p) {
		return err
	}
	return &Problem{
		What: fmt.Sprintf("%s: %v", what, err),
		Do:   fmt.Sprintf("Nothing is lost: run the same command again and it goes on here (its state is in %s).", m.state.path),
	}
}

// begin signs in to the old server and finds out what is to be done.
func (m *Mover) begin(ctx context.Context) (err error) {
	m.dir = newDirectory(m.PLC)
	if m.new, err = m.server(m.New); err != nil {
		return err
	}
	did, err := m.whose(ctx)
	if err != nil {
		return err
	}
	if m.here, err = m.new.describe(ctx); err != nil {
		return &Problem{What: "the new server does not answer as one", Err: err}
	}
	want := State{DID: did, New: m.new.url, Handle: m.manifest.Handle}
	if m.old != nil {
		want.Old = m.old.url
	}
	if m.wasOwner != nil {
		want.Handle = m.wasOwner.Handle
	}
	if m.State == "" {
		m.State = StatePath(did)
	}
	if m.state, err = loadState(m.State, want); err != nil {
		return err
	}
	if m.NewCode {
		m.state.CodeAskedAt = time.Time{}
	}
	if err := m.maySign(ctx); err != nil {
		return err
	}
	m.Say(fmt.Sprintf("moving %s (%s) from %s to %s", did, m.state.Handle, m.origin(), m.new.url))
	return nil
}

// maySign finds out early whether anybody can sign the change of the identity.
func (m *Mover) maySign(ctx context.Context) error {
	switch {
	case m.state.DID.Method() != "plc" || m.state.done(stepIdentity):
		return nil
	case m.Recovery != nil:
		data, err := m.dir.plc.Data(ctx, m.state.DID)
		if err != nil {
			return fmt.Errorf("PLC directory: %w", err)
		}
		return m.mayRotate(data.RotationKeys)
	case m.old == nil:
		return &Problem{
			What: "without the old server nobody signs the change of the identity",
			Do:   "Give a rotation key of your own that the PLC directory lists for the account (--recovery-key-file), or the old server if it still runs (--old).",
		}
	}
	return nil
}

func (m *Mover) server(address string) (*server, error) {
	s, err := newServer(address, m.note)
	if err == nil && m.Transport != nil {
		s.http.Transport = m.Transport
	}
	return s, err
}

// origin is where everything comes from, in words.
func (m *Mover) origin() string {
	if m.From != "" {
		return string(m.From)
	}
	return m.old.url
}

// whose finds the account and signs in where it is now.
func (m *Mover) whose(ctx context.Context) (syntax.DID, error) {
	if m.From != "" {
		var err error
		m.Say("checking the export")
		if m.manifest, err = Check(ctx, m.From, m.note); err != nil {
			return "", err
		}
		if m.Account == "" {
			m.Account = m.manifest.DID.String()
		}
		if m.Old == "" {
			return m.manifest.DID, nil
		}
	}
	address := m.Old
	if address == "" {
		if was, err := m.before(ctx); err != nil {
			return "", err
		} else {
			address = was
		}
	}
	var err error
	if m.old, err = m.server(address); err != nil {
		return "", err
	}
	if m.old.url == m.new.url {
		return "", &Problem{What: fmt.Sprintf("%s is both the old and the new server", m.new.url), Do: "If the account has moved already, there is nothing to do; else name the old server: --old"}
	}
	if m.wasOwner, err = signInAs(ctx, m.old, m.Account, m.Ask, SecretOld); err != nil {
		return "", err
	}
	if m.From != "" && m.wasOwner.DID != m.manifest.DID {
		return "", &Problem{What: fmt.Sprintf("%s holds the export of %s, and %s is %s", string(m.From), m.manifest.DID, m.Account, m.wasOwner.DID)}
	}
	return m.wasOwner.DID, m.behindEntryway(ctx)
}

// before is the old server of an account whose user did not name it: what an
// earlier run has written down, since the document may name the new one by now.
func (m *Mover) before(ctx context.Context) (string, error) {
	did, err := m.dir.find(ctx, m.Account)
	if err != nil {
		return "", &Problem{What: fmt.Sprintf("%s could not be found", m.Account), Do: "Say which server has the account: --old", Err: err}
	}
	path := m.State
	if path == "" {
		path = StatePath(did)
	}
	var was State
	if readJSON(path, &was) == nil && was.DID == did && was.Old != "" {
		return was.Old, nil
	}
	doc, err := m.dir.document(ctx, did)
	if err != nil {
		return "", err
	}
	if doc.endpoint == "" {
		return "", &Problem{What: fmt.Sprintf("the DID document of %s names no server", did), Do: "Say which one has the account: --old"}
	}
	return doc.endpoint, nil
}

// behindEntryway goes on with the server that keeps the account, where its user
// signed in to one that stands before many.
func (m *Mover) behindEntryway(ctx context.Context) error {
	doc, err := m.dir.document(ctx, m.wasOwner.DID)
	if err != nil || doc.endpoint == "" || doc.endpoint == m.old.url || doc.endpoint == m.new.url {
		return nil
	}
	behind, err := m.server(doc.endpoint)
	if err != nil {
		return nil
	}
	behind.who, behind.wait = m.wasOwner, m.old.wait
	var out sessionOut
	if err := behind.call(ctx, request{method: "com.atproto.server.getSession", once: true}, &out); err != nil || out.DID != m.wasOwner.DID {
		return nil // another address of the same server, or none that takes the token
	}
	m.note(fmt.Sprintf("%s keeps the account; going on there", behind.url))
	m.old = behind
	return nil
}

func (m *Mover) note(text string) { m.Say("      " + text) }
