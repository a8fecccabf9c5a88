package migrate

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// activate makes the new account the one that everybody sees.
func (m *Mover) activate(ctx context.Context) error {
	status, err := m.new.status(ctx)
	if err != nil {
		return err
	}
	if status.Activated {
		m.note("it is active")
		return nil
	}
	if err := m.new.call(ctx, request{method: "com.atproto.server.activateAccount", post: true}, nil); err != nil {
		return err
	}
	m.note(fmt.Sprintf("%s is active on %s", m.state.NewHandle, m.new.url))
	return nil
}

// deactivate ends the account on the old server, which keeps what it has.
func (m *Mover) deactivate(ctx context.Context) error {
	switch {
	case m.old == nil:
		m.note("the old server is gone")
		return nil
	case m.KeepOld:
		m.note("left as it is")
		return nil
	}
	if err := m.old.do(ctx, "com.atproto.server.deactivateAccount", struct{}{}, nil); err != nil {
		return err
	}
	m.note("deactivated; delete it there once everything here is as it should be")
	if m.From != "" {
		return nil
	}
	var head struct{ Rev syntax.TID }
	err := m.old.query(ctx, "com.atproto.sync.getLatestCommit", url.Values{"did": {m.state.DID.String()}}, &head)
	if err == nil && head.Rev > m.state.Repository.Rev {
		text := fmt.Sprintf("warning: something was written to the old server in the last moment (rev %s) and was not brought along; pds account export of the old account has it", head.Rev)
		m.state.noteDown(text)
		m.note(text)
	}
	return nil
}

// verify looks at the new account as the world does.
func (m *Mover) verify(ctx context.Context) error {
	doc, err := m.dir.document(ctx, m.state.DID)
	if err != nil {
		return err
	}
	if doc.endpoint != m.new.url {
		m.note(fmt.Sprintf("the DID document names %s, which is where everybody will look", doc.endpoint))
	}
	status, err := m.new.status(ctx)
	if err != nil {
		return err
	}
	m.note(fmt.Sprintf("%d records, %d of %d blobs, rev %s", status.IndexedRecords, status.ImportedBlobs, status.ExpectedBlobs, status.RepoRev))
	switch {
	case !status.Activated:
		m.state.reopen(stepActivate)
		return errors.Join(m.state.save(), &Problem{What: "the account is not active on the new server", Do: "Run the same command again."})
	case !status.ValidDid:
		return &Problem{What: "the new server does not find itself in the DID document", Do: "Run the same command again in a minute."}
	case status.RepoRev < m.state.Repository.Rev:
		return &Problem{What: fmt.Sprintf("the new server has rev %s, and rev %s was brought", status.RepoRev, m.state.Repository.Rev)}
	}
	if missing := status.ExpectedBlobs - status.ImportedBlobs; missing > len(m.state.Missing) {
		m.note(fmt.Sprintf("warning: %d blobs are missing on the new server", missing))
	}
	return nil
}
