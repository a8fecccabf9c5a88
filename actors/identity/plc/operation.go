package plc

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/did-method-plc/go-didplc/didplc"
)

// Names that atproto gives to the parts of a DID document.
const (
	ServiceID       = "atproto_pds"
	ServiceType     = "AtprotoPersonalDataServer"
	SigningMethodID = "atproto"
)

const maxRotationKeys = 5

// GenesisInput is what a new account of this server puts into its first operation.
type GenesisInput struct {
	Handle     syntax.Handle
	Endpoint   string             // public URL of this server, exactly as DID documents shall show it
	SigningKey atcrypto.PublicKey // signs the repo's commits
	// Recovery is the user's own rotation key, ServerRecovery the operator's offline
	// one. Either may be nil. An earlier key can undo what a later one did (for 72 h),
	// so they stand in this order before the server's.
	Recovery       atcrypto.PublicKey
	ServerRecovery atcrypto.PublicKey
}

// Genesis builds and signs the operation that creates a DID.
// The DID is a hash of the signed operation: keep op and submit those very bytes,
// a second call makes another DID.
func Genesis(rotation atcrypto.PrivateKey, in GenesisInput) (did syntax.DID, op []byte, err error) {
	server, err := rotation.PublicKey()
	if err != nil {
		return "", nil, fmt.Errorf("plc: rotation key: %w", err)
	}
	if in.SigningKey == nil || in.Endpoint == "" || in.Handle == "" {
		return "", nil, fmt.Errorf("%w: genesis needs a handle, an endpoint and a signing key", ErrOperation)
	}
	regular := &didplc.RegularOp{
		Type:                "plc_operation",
		RotationKeys:        RotationKeys(in.Recovery, in.ServerRecovery, server),
		VerificationMethods: map[string]string{SigningMethodID: in.SigningKey.DIDKey()},
		AlsoKnownAs:         []string{Alias(in.Handle)},
		Services:            map[string]didplc.OpService{ServiceID: {Type: ServiceType, Endpoint: in.Endpoint}},
	}
	if op, err = sign(regular, rotation); err != nil {
		return "", nil, err
	}
	made, err := regular.DID()
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrOperation, err)
	}
	return syntax.DID(made), op, nil
}

// RotationKeys lists keys as did:key strings in order, without nil and without the
// second of two equal ones (the directory refuses duplicates).
func RotationKeys(keys ...atcrypto.PublicKey) []string {
	var out []string
	for _, k := range keys {
		if k == nil {
			continue
		}
		if s := k.DIDKey(); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// Next returns the unsigned operation that follows last and repeats its content,
// ready to be changed and given to Sign. A legacy genesis is translated; a tombstone
// has no successor (ErrGone).
func Next(last didplc.Operation) (*didplc.RegularOp, error) {
	var next didplc.RegularOp
	switch op := last.(type) {
	case *didplc.RegularOp:
		next = *op
	case *didplc.LegacyOp:
		next = op.RegularOp()
	case *didplc.TombstoneOp:
		return nil, ErrGone
	default:
		return nil, fmt.Errorf("%w: unknown kind %T", ErrOperation, last)
	}
	prev := last.CID().String()
	out := &didplc.RegularOp{
		Type:                "plc_operation",
		RotationKeys:        append([]string{}, next.RotationKeys...),
		VerificationMethods: make(map[string]string, len(next.VerificationMethods)),
		AlsoKnownAs:         append([]string{}, next.AlsoKnownAs...),
		Services:            make(map[string]didplc.OpService, len(next.Services)),
		Prev:                &prev,
	}
	for k, v := range next.VerificationMethods {
		out.VerificationMethods[k] = v
	}
	for k, v := range next.Services {
		out.Services[k] = v
	}
	return out, nil
}

// SetHandle replaces the first at:// alias of op in place, or puts one first. It
// reports whether that changed anything.
func SetHandle(op *didplc.RegularOp, h syntax.Handle) (changed bool) {
	for i, a := range op.AlsoKnownAs {
		if strings.HasPrefix(a, "at://") {
			op.AlsoKnownAs[i] = Alias(h)
			return a != Alias(h)
		}
	}
	op.AlsoKnownAs = append([]string{Alias(h)}, op.AlsoKnownAs...)
	return true
}

// SetSigningKey names the key, a did:key, that signs the repo's commits. It reports
// whether that changed anything.
func SetSigningKey(op *didplc.RegularOp, key string) (changed bool) {
	changed = op.VerificationMethods[SigningMethodID] != key
	op.VerificationMethods[SigningMethodID] = key
	return changed
}

// Sign signs op, an operation other than a genesis or one built by Next, and returns
// the JSON to submit.
func Sign(op *didplc.RegularOp, rotation atcrypto.PrivateKey) ([]byte, error) {
	return sign(op, rotation)
}

// UpdateHandle builds and signs the operation after last that changes only the handle.
func UpdateHandle(last didplc.Operation, h syntax.Handle, rotation atcrypto.PrivateKey) ([]byte, error) {
	next, err := Next(last)
	if err != nil {
		return nil, err
	}
	SetHandle(next, h)
	return sign(next, rotation)
}

// Tombstone builds and signs the operation after last that ends the DID. Within 72 h
// an earlier rotation key can still undo it; afterwards nothing can.
func Tombstone(last didplc.Operation, rotation atcrypto.PrivateKey) ([]byte, error) {
	if _, dead := last.(*didplc.TombstoneOp); dead {
		return nil, ErrGone
	}
	return sign(&didplc.TombstoneOp{Type: "plc_tombstone", Prev: last.CID().String()}, rotation)
}

// Parse reads the JSON of one operation of any kind.
func Parse(op []byte) (didplc.Operation, error) {
	var e didplc.OpEnum
	if err := json.Unmarshal(op, &e); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOperation, err)
	}
	parsed := e.AsOperation()
	if parsed == nil {
		return nil, fmt.Errorf("%w: empty", ErrOperation)
	}
	return parsed, nil
}

func sign(op didplc.Operation, rotation atcrypto.PrivateKey) ([]byte, error) {
	if r, ok := op.(*didplc.RegularOp); ok {
		if n := len(r.RotationKeys); n < 1 || n > maxRotationKeys {
			return nil, fmt.Errorf("%w: %d rotation keys, 1 to %d allowed", ErrOperation, n, maxRotationKeys)
		}
	}
	if err := op.Sign(rotation); err != nil {
		return nil, fmt.Errorf("plc: sign: %w", err)
	}
	// A signature that does not verify would be found out by the directory only, after
	// the story that needs it has begun.
	pub, err := rotation.PublicKey()
	if err == nil {
		err = op.VerifySignature(pub)
	}
	if err != nil {
		return nil, fmt.Errorf("plc: own signature: %w", err)
	}
	out, err := json.Marshal(op)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOperation, err)
	}
	return out, nil
}

// Alias is a handle as DID documents name it.
func Alias(h syntax.Handle) string { return "at://" + h.Normalize().String() }
