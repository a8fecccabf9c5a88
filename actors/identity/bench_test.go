package identity

import (
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"

	"troupe/actors/identity/plc"
	"troupe/actors/mailbox"
)

// BenchmarkCachedDID is the cost of the document that every verified service token
// needs: a message, a row, a parse.
func BenchmarkCachedDID(b *testing.B) {
	w := newWorld()
	w.plc(alice, ok(docOf(alice, "a.example.com")))
	client := &http.Client{Transport: w}
	system := mailbox.NewSystem(slog.New(slog.DiscardHandler))
	defer system.Shutdown()
	o := Options{
		Path: filepath.Join(b.TempDir(), "did_cache.sqlite"),
		PLC:  plc.NewDirectory(directoryURL, client),
		Web:  client, Handles: client, DNS: w.lookupTXT,
		Log: slog.New(slog.DiscardHandler),
	}
	h, err := mailbox.Spawn(system, "identities", 1000, func(self mailbox.Self) *Identities { return New(self, o) })
	if err != nil {
		b.Fatal(err)
	}
	defer h.Stop(b.Context())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := mailbox.Ask(b.Context(), h.Address(), ResolveDID{DID: alice}); err != nil {
			b.Fatal(err)
		}
	}
}
