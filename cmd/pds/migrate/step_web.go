package migrate

import (
	"context"
	"fmt"
	"strings"
	"time"

	"troupe/actors/identity/plc"
)

// webPause is between two looks at the document of a did:web.
const webPause = 5 * time.Second

// waitForDocument says what the owner of a did:web has to change in the
// document, which nobody else can, and waits until it is so.
func (m *Mover) waitForDocument(ctx context.Context, want credentials) error {
	address, err := webAddress(m.state.DID)
	if err != nil {
		return err
	}
	key := want.VerificationMethods[plc.SigningMethodID]
	m.Say(fmt.Sprintf(`
  %s is yours to change. Make these entries of it say:

    "alsoKnownAs": ["at://%s"]
    in "verificationMethod":
      {"id": "%s#atproto", "type": "Multikey", "controller": "%s", "publicKeyMultibase": "%s"}
    in "service":
      {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": "%s"}

  Waiting for that; the command may be stopped and run again.
`, address, m.state.NewHandle, m.state.DID, m.state.DID, strings.TrimPrefix(key, "did:key:"), want.Services[plc.ServiceID].Endpoint))
	for last := ""; ; {
		doc, err := m.dir.document(ctx, m.state.DID)
		problem := ""
		switch {
		case err != nil:
			problem = err.Error()
		case doc.endpoint != strings.TrimRight(want.Services[plc.ServiceID].Endpoint, "/"):
			problem = fmt.Sprintf("it still names the server %q", doc.endpoint)
		case doc.key == nil || doc.key.DIDKey() != key:
			problem = "it does not have the new key"
		default:
			return m.catchUp(ctx)
		}
		if problem != last {
			m.note(problem)
			last = problem
		}
		if err := m.new.wait(ctx, webPause); err != nil {
			return err
		}
	}
}
