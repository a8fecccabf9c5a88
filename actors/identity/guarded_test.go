package identity

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/identity/plc"
	"troupe/actors/mailbox"
	"troupe/actors/outbound"
	"troupe/actors/outbound/outboundtest"
)

// With the default clients, names that lead inside are refused at the dial, for
// handles and for did:web alike.
func TestInternalTargets(t *testing.T) {
	zone := outboundtest.Hosts(map[string]string{
		"loop.example.com": "127.0.0.1", "six.example.com": "::1", "meta.example.com": "169.254.169.254",
		"lan.example.com": "192.168.0.1", "nat64.example.com": "64:ff9b::7f00:1", "any.example.com": "0.0.0.0",
	})
	dns := outboundtest.NewDNS(zone).Resolver()
	system := mailbox.NewSystem(slog.New(slog.DiscardHandler))
	defer system.Shutdown()
	o := Options{
		Path: filepath.Join(t.TempDir(), "did_cache.sqlite"),
		PLC:  plc.NewDirectory("https://plc.example.com", outbound.NewClient(outbound.Options{Resolver: dns})),
		Web:  outbound.NewClient(outbound.Options{Resolver: dns}),
		Handles: outbound.NewClient(outbound.Options{
			Resolver: dns, Redirects: 3, CrossHost: true,
		}),
		DNS: absolute(dns),
		Log: slog.New(slog.DiscardHandler),
	}
	h, err := mailbox.Spawn(system, "identities", 100, func(self mailbox.Self) *Identities { return New(self, o) })
	if err != nil {
		t.Fatal(err)
	}
	defer h.Stop(context.Background())
	for host := range zone {
		_, err := mailbox.Ask(t.Context(), h.Address(), ResolveHandle{Handle: syntax.Handle(host)})
		if !errors.Is(err, ErrHandleUnavailable) || !errors.Is(err, outbound.ErrForbidden) {
			t.Errorf("handle %s: %v, want ErrForbidden", host, err)
		}
		_, err = mailbox.Ask(t.Context(), h.Address(), ResolveDID{DID: syntax.DID("did:web:" + host)})
		if !errors.Is(err, ErrUnavailable) || !errors.Is(err, outbound.ErrForbidden) {
			t.Errorf("did:web:%s: %v, want ErrForbidden", host, err)
		}
	}
}

// TXT records come over real DNS messages, in pieces of 255 bytes.
func TestTXTOverDNS(t *testing.T) {
	long := "x" + string(make([]byte, 600))
	dns := outboundtest.NewDNS(map[string]outboundtest.Answer{
		"_atproto.a.example.com": {TXT: []string{long, "did=" + alice.String()}},
		"_atproto.b.example.com": {},
	})
	lookup := absolute(dns.Resolver())
	if did, err := lookupDID(t.Context(), lookup, "a.example.com"); did != alice || err != nil {
		t.Errorf("%s, %v", did, err)
	}
	for _, h := range []syntax.Handle{"b.example.com", "c.example.com"} {
		if _, err := lookupDID(t.Context(), lookup, h); !errors.Is(err, ErrHandleNotFound) {
			t.Errorf("%s: %v, want ErrHandleNotFound", h, err)
		}
	}
}
