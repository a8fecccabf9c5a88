package identity

import (
	"context"
	"encoding/json"
	"fmt"

	atid "github.com/bluesky-social/indigo/atproto/identity"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
)

// Start implements mailbox.Actor.
func (i *Identities) Start(ctx context.Context) error {
	i.life, i.end = context.WithCancel(ctx)
	return i.open(ctx)
}

// Receive implements mailbox.Actor.
func (i *Identities) Receive(t *mailbox.Turn) {
	switch m := t.Message().(type) {
	case ResolveDID:
		mailbox.Later(i, t, m, i.resolveDID)
	case ResolveDIDRaw:
		mailbox.Later(i, t, m, i.resolveDIDRaw)
	case ResolveHandle:
		mailbox.Later(i, t, m, i.resolveHandle)
	case Trim:
		mailbox.Reply(i, t, m, i.trimNow)
	case Forget:
		mailbox.Reply(i, t, m, i.forget)
	}
}

// Stop implements mailbox.Actor. Lookups under way are cancelled; their results are
// dropped with the instance.
func (i *Identities) Stop(mailbox.Reason) {
	if i.end != nil {
		i.end()
	}
	if i.db != nil {
		if err := i.db.Close(); err != nil {
			i.options.Log.Warn("identity cache did not close", "err", err)
		}
		i.db = nil
	}
}

func (i *Identities) resolveDID(_ context.Context, m ResolveDID, answer func(*atid.DIDDocument, error)) {
	i.document(m.DID, m.Fresh, func(d document, err error) { answer(d.parsed, err) })
}

func (i *Identities) resolveDIDRaw(_ context.Context, m ResolveDIDRaw, answer func(json.RawMessage, error)) {
	i.document(m.DID, m.Fresh, func(d document, err error) { answer(d.raw, err) })
}

func (i *Identities) document(did syntax.DID, forced bool, answer func(document, error)) {
	if f, _ := form(did, i.options.Dev); f == formNone {
		answer(document{}, fmt.Errorf("%w: %.100q", ErrUnsupported, did))
		return
	}
	cached, age, ok := i.cachedDocument(did)
	if !ok {
		i.dids.join(did, forced, answer)
		return
	}
	switch decide(age, i.options.Fresh, i.options.Stale, forced) {
	case fetch:
		i.dids.join(did, forced, answer)
	case serveAndRefresh:
		if i.due(did.String()) {
			i.dids.refresh(did)
		}
		answer(cached, nil)
	case serve:
		answer(cached, nil)
	}
}

func (i *Identities) resolveHandle(_ context.Context, m ResolveHandle, answer func(syntax.DID, error)) {
	h, err := syntax.ParseHandle(m.Handle.String()) // the value goes into a URL and a DNS name
	if err != nil {
		answer("", fmt.Errorf("%w: %w", ErrHandleInvalid, err))
		return
	}
	h = h.Normalize()
	if i.options.Static != nil {
		if did, ok := i.options.Static(h); ok {
			answer(did, nil)
			return
		}
	}
	if !handleAllowed(h, i.options.Dev) {
		answer("", fmt.Errorf("%w: %s", ErrHandleReserved, h))
		return
	}
	did, age, ok := i.cachedHandle(h)
	if !ok {
		i.handles.join(h, m.Fresh, answer)
		return
	}
	switch decide(age, i.options.Fresh, i.options.Stale, m.Fresh) {
	case fetch:
		i.handles.join(h, m.Fresh, answer)
	case serveAndRefresh:
		if i.due(h.String()) {
			i.handles.refresh(h)
		}
		answer(did, nil)
	case serve:
		answer(did, nil)
	}
}

// launchDID asks the network outside the turn; the result comes back as a turn.
func (i *Identities) launchDID(did syntax.DID) {
	life, o, self := i.life, &i.options, i.self
	go func() {
		ctx, cancel := context.WithTimeout(life, o.Timeout)
		defer cancel()
		doc, err := guarded(func() (document, error) { return o.fetchDocument(ctx, did) })
		self.Run(func() { i.documentLanded(did, doc, err) })
	}()
}

func (i *Identities) launchHandle(h syntax.Handle) {
	life, o, self := i.life, &i.options, i.self
	go func() {
		did, err := guarded(func() (syntax.DID, error) { return o.fetchHandle(life, h) })
		self.Run(func() { i.handleLanded(h, did, err) })
	}()
}

// guarded turns a panic of a lookup into its error: the lookup reads what strangers
// wrote and runs on a goroutine that no supervisor watches.
func guarded[V any](lookup func() (V, error)) (v V, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: panic: %v", ErrUnavailable, p)
		}
	}()
	return lookup()
}
