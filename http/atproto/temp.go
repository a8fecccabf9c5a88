package atproto

import (
	"context"
	"errors"
	"log/slog"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/mailbox"
	"troupe/actors/saga"
	"troupe/http/auth"
	"troupe/http/xrpc"
)

// SignupQueueOut answers com.atproto.temp.checkSignupQueue.
type SignupQueueOut struct {
	Activated    bool   `json:"activated"`
	PlaceInQueue *int64 `json:"placeInQueue,omitempty"`
}

// CheckSignupQueue tells somebody who has signed up whether the account is ready,
// and else how many wait for approval before it. Who hears that it is ready
// refreshes the session, which may do everything then.
func (h Temp) CheckSignupQueue(ctx context.Context, who auth.Session, _ xrpc.None) (SignupQueueOut, error) {
	a, _ := h.Index.ByDID(who.DID)
	out := SignupQueueOut{Activated: !a.Queued()}
	if a.Awaits&account.AwaitsApproval != 0 {
		n, err := h.Private.QueuedBefore(ctx, who.DID)
		if err != nil {
			return out, err
		}
		n++
		out.PlaceInQueue = &n
	}
	return out, nil
}

// letIn activates the account of a sign-up that nothing is in the way of any
// more. Where it fails the sweeper tries again: what let the account in is on the
// disk, and who did it is not to be told that it is not.
func (s *Service) letIn(ctx context.Context, did syntax.DID) {
	if a, ok := s.Index.ByDID(did); !ok || !a.Released() {
		return
	}
	if _, err := mailbox.Ask(ctx, s.Sagas, saga.Activate{DID: did}); err != nil {
		s.Logger.Warn("a sign-up is not activated yet", slog.String("did", did.String()), slog.Any("error", err))
	}
}

// HandleAvailabilityIn holds the parameters of com.atproto.temp.checkHandleAvailability.
type HandleAvailabilityIn struct {
	Handle    string `query:"handle"`
	Email     string `query:"email"`
	BirthDate string `query:"birthDate"`
}

// HandleAvailabilityOut answers checkHandleAvailability.
type HandleAvailabilityOut struct {
	Handle syntax.Handle      `json:"handle"`
	Result HandleAvailability `json:"result"`
}

// HandleAvailability is one of com.atproto.temp.checkHandleAvailability#resultAvailable
// and #resultUnavailable.
type HandleAvailability struct {
	Type        string              `json:"$type"`
	Suggestions *[]HandleSuggestion `json:"suggestions,omitempty"`
}

// HandleSuggestion is com.atproto.temp.checkHandleAvailability#suggestion.
type HandleSuggestion struct {
	Handle syntax.Handle `json:"handle"`
	Method string        `json:"method"`
}

const handleAvailability = "com.atproto.temp.checkHandleAvailability"

// CheckHandleAvailability tells somebody who wants to sign up whether a handle can
// still be had, and if not, which others could. That somebody has it says no more
// than resolving it does; that the server keeps it back is no secret.
func (h Temp) CheckHandleAvailability(_ context.Context, _ auth.Nobody, in HandleAvailabilityIn) (HandleAvailabilityOut, error) {
	var email account.Email
	if in.Email != "" {
		var err error
		if email, err = account.ParseEmail(in.Email); err != nil {
			return HandleAvailabilityOut{}, Invalid{"InvalidEmail", "Invalid email."}
		}
	}
	handle, external, err := h.Handles.Check(in.Handle, false)
	reserved := errors.Is(err, account.ErrHandleNotAvailable)
	switch {
	case reserved:
		handle = syntax.Handle(in.Handle).Normalize()
	case err != nil:
		return HandleAvailabilityOut{}, err
	case external:
		return HandleAvailabilityOut{}, account.ErrUnsupportedDomain
	}
	free := func(h1 syntax.Handle) bool {
		_, taken := h.Index.ByHandle(h1)
		return !taken
	}
	if !reserved && free(handle) {
		return HandleAvailabilityOut{handle, HandleAvailability{Type: handleAvailability + "#resultAvailable"}}, nil
	}
	born := 0
	if at, err := syntax.ParseDatetimeTime(in.BirthDate); err == nil {
		born = at.Year()
	}
	others := []HandleSuggestion{}
	for _, s := range h.Handles.Suggest(handle, email, born, free) {
		others = append(others, HandleSuggestion{s.Handle, s.Method})
	}
	return HandleAvailabilityOut{handle, HandleAvailability{handleAvailability + "#resultUnavailable", &others}}, nil
}
