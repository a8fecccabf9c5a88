package identity

import (
	"errors"
	"fmt"

	atid "github.com/bluesky-social/indigo/atproto/identity"
)

// Answers other than a document or a DID. Those with a counterpart in indigo's
// identity package match that one too. They are wrapped; test with errors.Is.
var (
	// ErrNotFound: the DID does not exist, or no longer does.
	ErrNotFound = fmt.Errorf("identity: %w", atid.ErrDIDNotFound)
	// ErrDeactivated is the ErrNotFound of a DID that once existed: it is tombstoned.
	ErrDeactivated = fmt.Errorf("%w: deactivated", ErrNotFound)
	// ErrUnavailable: the network or the other side failed; asking later may help.
	ErrUnavailable = fmt.Errorf("identity: %w", atid.ErrDIDResolutionFailed)
	// ErrDocument: what was received is not a document about this DID.
	ErrDocument = errors.New("identity: bad DID document")
	// ErrUnsupported: a DID method or form that is never looked up.
	ErrUnsupported = errors.New("identity: DID not supported")

	// ErrHandleNotFound: the handle points to nothing.
	ErrHandleNotFound = fmt.Errorf("identity: %w", atid.ErrHandleNotFound)
	// ErrHandleUnavailable: neither DNS nor HTTPS gave a definite answer.
	ErrHandleUnavailable = fmt.Errorf("identity: %w", atid.ErrHandleResolutionFailed)
	// ErrHandleAmbiguous: several did= records, or one that holds no DID.
	ErrHandleAmbiguous = errors.New("identity: handle does not name exactly one DID")
	// ErrHandleInvalid: not a handle by its syntax.
	ErrHandleInvalid = fmt.Errorf("identity: %w", atid.ErrInvalidHandle)
	// ErrHandleReserved: a top-level domain that is never looked up.
	ErrHandleReserved = fmt.Errorf("identity: %w", atid.ErrHandleReservedTLD)

	// ErrKeyNotFound: the document declares no usable key of that name.
	ErrKeyNotFound = fmt.Errorf("identity: %w", atid.ErrKeyNotDeclared)
)
