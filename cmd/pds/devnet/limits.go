package devnet

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/did-method-plc/go-didplc/didplc"
)

// What the public directory admits in one operation.
const (
	maxOpBytes         = 4000 // of CBOR, signed
	maxRotationKeys    = 5
	maxAliases         = 10
	maxAliasLength     = 258 // a handle of 253 behind at://
	maxServices        = 10
	maxMethods         = 10
	maxIDLength        = 32
	maxServiceType     = 96
	maxServiceEndpoint = 256
)

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", didplc.ErrInvalidOperation, fmt.Sprintf(format, args...))
}

// checkLimits judges a new operation by itself, before its place in the log. Legacy
// creations are read in old logs and no longer accepted.
func checkLimits(op didplc.Operation) error {
	if n := len(op.SignedCBORBytes()); n == 0 || n > maxOpBytes {
		return invalid("%d bytes of CBOR, at most %d allowed", n, maxOpBytes)
	}
	switch op := op.(type) {
	case *didplc.TombstoneOp:
		return nil
	case *didplc.RegularOp:
		return firstError(checkComplete(op), checkKeys(op), checkAliases(op), checkServices(op), checkMethods(op))
	}
	return invalid("legacy operations are no longer accepted")
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func checkComplete(op *didplc.RegularOp) error {
	if op.RotationKeys == nil || op.VerificationMethods == nil || op.AlsoKnownAs == nil || op.Services == nil {
		return invalid("a required field is missing")
	}
	return nil
}

func checkKeys(op *didplc.RegularOp) error {
	if n := len(op.RotationKeys); n < 1 || n > maxRotationKeys {
		return invalid("%d rotation keys, 1 to %d allowed", n, maxRotationKeys)
	}
	for i, k := range op.RotationKeys {
		if _, err := atcrypto.ParsePublicDIDKey(k); err != nil {
			return invalid("rotation key %.80q: %v", k, err)
		}
		if slices.Contains(op.RotationKeys[:i], k) {
			return invalid("rotation key %s twice", k)
		}
	}
	return nil
}

func checkAliases(op *didplc.RegularOp) error {
	if n := len(op.AlsoKnownAs); n > maxAliases {
		return invalid("%d alsoKnownAs entries, at most %d allowed", n, maxAliases)
	}
	for i, a := range op.AlsoKnownAs {
		if len(a) > maxAliasLength {
			return invalid("alsoKnownAs entry longer than %d", maxAliasLength)
		}
		if slices.Contains(op.AlsoKnownAs[:i], a) {
			return invalid("alsoKnownAs entry %q twice", a)
		}
	}
	return nil
}

func checkServices(op *didplc.RegularOp) error {
	if n := len(op.Services); n > maxServices {
		return invalid("%d services, at most %d allowed", n, maxServices)
	}
	for id, s := range op.Services {
		switch {
		case len(id) > maxIDLength:
			return invalid("service id longer than %d", maxIDLength)
		case len(s.Type) > maxServiceType:
			return invalid("service type longer than %d", maxServiceType)
		case len(s.Endpoint) > maxServiceEndpoint:
			return invalid("service endpoint longer than %d", maxServiceEndpoint)
		}
	}
	return nil
}

// checkMethods takes any did:key: a verification method need not be a key that can
// sign for atproto.
func checkMethods(op *didplc.RegularOp) error {
	if n := len(op.VerificationMethods); n > maxMethods {
		return invalid("%d verification methods, at most %d allowed", n, maxMethods)
	}
	for id, k := range op.VerificationMethods {
		if len(id) > maxIDLength {
			return invalid("verification method id longer than %d", maxIDLength)
		}
		if !strings.HasPrefix(k, "did:key:z") || len(k) > maxServiceEndpoint {
			return invalid("verification method %q is not a did:key", id)
		}
	}
	return nil
}
