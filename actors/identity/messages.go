package identity

import (
	"encoding/json"

	atid "github.com/bluesky-social/indigo/atproto/identity"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
)

// ResolveDID asks for the document of a DID. The document is shared: read it only.
// Fresh asks the network even if a copy is cached, with a request that begins after
// this message: after a PLC operation or a failed signature.
// ErrNotFound, ErrDeactivated, ErrUnavailable, ErrDocument, ErrUnsupported.
type ResolveDID struct {
	mailbox.To[*Identities, *atid.DIDDocument]
	DID   syntax.DID
	Fresh bool
}

// ResolveDIDRaw is ResolveDID for callers that repeat the document to others: the
// JSON as it was received, with the fields that this server does not know.
type ResolveDIDRaw struct {
	mailbox.To[*Identities, json.RawMessage]
	DID   syntax.DID
	Fresh bool
}

// ResolveHandle asks which DID a handle points to. Nothing is said about whether the
// DID's document names the handle in turn (Directory.LookupHandle checks that).
// ErrHandleNotFound, ErrHandleUnavailable, ErrHandleAmbiguous, ErrHandleInvalid,
// ErrHandleReserved.
type ResolveHandle struct {
	mailbox.To[*Identities, syntax.DID]
	Handle syntax.Handle
	Fresh  bool
}

// Trim removes cached rows that are too old to be served, a bounded number of
// them. It is answered with how many.
type Trim struct {
	mailbox.To[*Identities, int]
}

// Forget drops what is cached about a DID, a handle, or both; the other is "".
type Forget struct {
	mailbox.To[*Identities, struct{}]
	DID    syntax.DID
	Handle syntax.Handle
}
