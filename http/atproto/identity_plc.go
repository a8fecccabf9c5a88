package atproto

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/did-method-plc/go-didplc/didplc"

	"troupe/actors/account"
	"troupe/actors/identity/plc"
	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/actors/saga"
	"troupe/http/auth"
	"troupe/http/xrpc"
)

// CredentialsOut answers com.atproto.identity.getRecommendedDidCredentials.
type CredentialsOut struct {
	AlsoKnownAs         []string                    `json:"alsoKnownAs,omitempty"`
	VerificationMethods map[string]string           `json:"verificationMethods"`
	RotationKeys        []string                    `json:"rotationKeys"`
	Services            map[string]didplc.OpService `json:"services"`
}

// GetRecommendedDIDCredentials tells an owner what the DID would have to say for
// the account to live here.
func (h Identity) GetRecommendedDIDCredentials(ctx context.Context, who auth.Session, _ xrpc.None) (CredentialsOut, error) {
	a, ok := h.Index.ByDID(who.DID)
	if !ok {
		return CredentialsOut{}, ErrNoAccount
	}
	key, err := mailbox.Ask(ctx, h.repo(a.DID), repo.SigningKey{})
	if err != nil {
		return CredentialsOut{}, err
	}
	rotation, err := h.PLC.RotationKeys()
	if err != nil {
		return CredentialsOut{}, err
	}
	out := CredentialsOut{
		VerificationMethods: map[string]string{plc.SigningMethodID: key},
		RotationKeys:        rotation,
		Services:            map[string]didplc.OpService{plc.ServiceID: {Type: plc.ServiceType, Endpoint: h.URL}},
	}
	if a.Handle != "" {
		out.AlsoKnownAs = []string{plc.Alias(a.Handle)}
	}
	return out, nil
}

// RequestPLCOperationSignature mails the owner the code that SignPLCOperation asks for.
func (h Identity) RequestPLCOperationSignature(ctx context.Context, who auth.Owner, _ xrpc.None) (xrpc.None, error) {
	_, err := mailbox.Ask(ctx, h.Accounts, account.IssueToken{DID: who.DID, Purpose: account.PurposePLCOperation})
	if errors.Is(err, account.ErrNotFound) {
		err = Invalid{"InvalidRequest", "account not found"}
	}
	return xrpc.None{}, err
}

// SignPLCOperationIn is the input of com.atproto.identity.signPlcOperation. What it
// does not name stays as it is.
type SignPLCOperationIn struct {
	Token               string          `json:"token"`
	RotationKeys        []string        `json:"rotationKeys"`
	AlsoKnownAs         []string        `json:"alsoKnownAs"`
	VerificationMethods json.RawMessage `json:"verificationMethods"`
	Services            json.RawMessage `json:"services"`
}

// fields reads what the lexicon leaves open.
func (in SignPLCOperationIn) fields() (plc.Fields, error) {
	f := plc.Fields{RotationKeys: in.RotationKeys, AlsoKnownAs: in.AlsoKnownAs}
	for name, field := range map[string]struct {
		raw json.RawMessage
		to  any
	}{
		"verificationMethods": {in.VerificationMethods, &f.VerificationMethods},
		"services":            {in.Services, &f.Services},
	} {
		if len(field.raw) > 0 && json.Unmarshal(field.raw, field.to) != nil {
			return f, Invalid{"InvalidRequest", "Input/" + name + " is not what a PLC operation holds"}
		}
	}
	return f, nil
}

// PLCOperation answers signPlcOperation and is the input of submitPlcOperation.
type PLCOperation struct {
	Operation json.RawMessage `json:"operation"`
}

// SignPLCOperation signs with this server's rotation key what the owner wants to do
// with the DID: leave, or add a key of their own. A code that was mailed says that
// it is the owner.
func (h Identity) SignPLCOperation(ctx context.Context, who auth.Owner, in SignPLCOperationIn) (PLCOperation, error) {
	if in.Token == "" {
		return PLCOperation{}, Invalid{"InvalidRequest", "email confirmation token required to sign PLC operations"}
	}
	fields, err := in.fields() // before the code is used up
	if err != nil {
		return PLCOperation{}, err
	}
	_, err = mailbox.Ask(ctx, h.Accounts, account.UseToken{DID: who.DID, Purpose: account.PurposePLCOperation, Token: in.Token})
	if err != nil {
		return PLCOperation{}, err
	}
	op, err := h.PLC.Sign(ctx, who.DID, fields)
	return PLCOperation{op}, err
}

// SubmitPLCOperation sends an operation to the directory, if the account can live
// with it.
func (h Identity) SubmitPLCOperation(ctx context.Context, who auth.Session, in PLCOperation) (xrpc.None, error) {
	_, err := mailbox.Ask(ctx, h.Sagas, saga.SubmitPLC{DID: who.DID, Op: in.Operation})
	var bad saga.BadOperation
	switch {
	case errors.As(err, &bad):
		err = Invalid{"InvalidRequest", bad.Reason}
	case errors.Is(err, account.ErrNotFound):
		err = ErrNoAccount
	}
	return xrpc.None{}, err
}

// UpdateHandleIn is the input of com.atproto.identity.updateHandle.
type UpdateHandleIn struct {
	Handle string `json:"handle"`
}

// UpdateHandle gives the account another handle.
func (h Identity) UpdateHandle(ctx context.Context, who auth.Session, in UpdateHandleIn) (xrpc.None, error) {
	return xrpc.None{}, h.changeHandle(ctx, saga.ChangeHandle{DID: who.DID, Handle: in.Handle})
}

func (s *Service) changeHandle(ctx context.Context, m saga.ChangeHandle) error {
	_, err := mailbox.Ask(ctx, s.Sagas, m)
	switch {
	case errors.Is(err, account.ErrHandleTaken):
		return Invalid{"HandleNotAvailable", Taken{"Handle", syntax.Handle(m.Handle).Normalize().String()}.Error()}
	case errors.Is(err, account.ErrNotFound):
		return Invalid{"InvalidRequest", "Account not found"}
	}
	return err
}
