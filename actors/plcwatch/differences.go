package plcwatch

import (
	"context"
	"slices"
	"strings"

	"github.com/did-method-plc/go-didplc/didplc"

	"troupe/actors/account"
	"troupe/actors/identity/plc"
)

// tombstone stands for the CID of an operation that ended a DID.
const tombstone = "tombstone"

const subject = "Your identity was changed elsewhere"

// differences says what a DID lacks for the account to live here; last may be nil if
// the DID was ended.
func (w *Watch) differences(ctx context.Context, acct account.Account, last didplc.Operation) (said []string, err error) {
	if _, dead := last.(*didplc.TombstoneOp); dead || last == nil {
		return []string{"The identity was ended for good."}, nil
	}
	op, err := plc.Next(last) // repeats what it says
	if err != nil {
		return nil, err
	}
	key, err := w.o.Key(ctx, acct.DID)
	if err != nil {
		return nil, err
	}
	service := op.Services[plc.ServiceID]
	if service.Type != plc.ServiceType || service.Endpoint != w.o.Endpoint {
		said = append(said, "It names another server for your account: "+or(service.Endpoint, "none")+".")
	}
	if op.VerificationMethods[plc.SigningMethodID] != key {
		said = append(said, "It names another signing key than the one that your account signs with here: what you write here may not be believed elsewhere.")
	}
	if !slices.Contains(op.RotationKeys, w.o.Rotation) {
		said = append(said, "This server may no longer change it for you: a change of your handle has to be made elsewhere.")
	}
	if handle, _, _ := strings.Cut(first(op.AlsoKnownAs), "/"); acct.Handle != "" && handle != acct.Handle.String() {
		said = append(said, "It names the handle "+or(handle, "none")+", and your account here has "+acct.Handle.String()+".")
	}
	return said, nil
}

// notice is the mail about it.
func notice(acct account.Account, said []string) []string {
	text := []string{"The public directory has a change of your identity " + acct.DID.String() + " that was not made by this server."}
	if len(said) == 0 {
		said = []string{"It still leads here. Something else in it was changed, for example which keys may change it."}
	}
	text = append(text, said...)
	return append(text, "If that was you, there is nothing to do. If not, somebody else has a key to your identity: a stronger rotation key can undo the change within 72 hours.")
}

// first is the first handle of an identity, without its scheme.
func first(aliases []string) string {
	for _, a := range aliases {
		if handle, ok := strings.CutPrefix(a, "at://"); ok {
			return handle
		}
	}
	return ""
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
