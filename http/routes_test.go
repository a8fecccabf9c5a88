package http

import (
	"slices"
	"strings"
	"testing"

	"troupe/actors/lexicon"
	"troupe/http/atproto"
	"troupe/http/auth"
	"troupe/http/firehose"
	"troupe/http/upstream"
)

// notServed are the methods of com.atproto.* that this server does not answer,
// and why.
var notServed = map[string]string{
	// Of relays, labelers and the app view.
	"com.atproto.sync.getHostStatus":     "relay",
	"com.atproto.sync.listHosts":         "relay",
	"com.atproto.sync.notifyOfUpdate":    "relay",
	"com.atproto.sync.requestCrawl":      "relay",
	"com.atproto.label.queryLabels":      "labeler",
	"com.atproto.label.subscribeLabels":  "labeler",
	"com.atproto.temp.fetchLabels":       "labeler",
	"com.atproto.lexicon.resolveLexicon": "app view",
	// Of an entryway.
	"com.atproto.temp.addReservedHandle":        "entryway",
	"com.atproto.temp.dereferenceScope":         "entryway",
	"com.atproto.temp.requestPhoneVerification": "entryway",
	"com.atproto.temp.revokeAccountCredentials": "entryway",
}

// notYet are methods that a PDS serves and this version does not.
var notYet = []string{
	"com.atproto.admin.deleteAccount",
	"com.atproto.admin.getSubjectStatus",
	"com.atproto.admin.updateAccountHandle",
	"com.atproto.admin.updateAccountSigningKey",
	"com.atproto.admin.updateSubjectStatus",
	"com.atproto.identity.getRecommendedDidCredentials",
	"com.atproto.identity.requestPlcOperationSignature",
	"com.atproto.identity.signPlcOperation",
	"com.atproto.identity.submitPlcOperation",
	"com.atproto.identity.updateHandle",
	"com.atproto.server.activateAccount",
	"com.atproto.server.confirmEmail",
	"com.atproto.server.deactivateAccount",
	"com.atproto.server.deleteAccount",
	"com.atproto.server.requestAccountDelete",
	"com.atproto.server.requestEmailConfirmation",
	"com.atproto.server.requestEmailUpdate",
	"com.atproto.server.requestPasswordReset",
	"com.atproto.server.reserveSigningKey",
	"com.atproto.server.resetPassword",
	"com.atproto.server.updateEmail",
	"com.atproto.temp.checkHandleAvailability",
}

func TestRoutesAgreeWithCatalog(t *testing.T) {
	up := upstream.New(upstream.Options{AppView: upstream.Named{DID: "did:web:view.test", URL: "https://view.test"}})
	table := surface(Config{Verifier: &auth.Verifier{}, Service: &atproto.Service{}, Firehose: &firehose.Server{}, Upstream: up})
	var names []string
	for _, r := range table {
		names = append(names, r.NSID.String())
		m, ok := lexicon.Embedded().Method(r.NSID)
		if !ok {
			t.Errorf("%s is served and is not in the catalog", r.NSID)
			continue
		}
		if m.Kind != r.Kind {
			t.Errorf("%s is served as %v, the catalog says %v", r.NSID, r.Kind, m.Kind)
		}
		if notServed[r.NSID.String()] != "" || slices.Contains(notYet, r.NSID.String()) {
			t.Errorf("%s is served, and listed as not served", r.NSID)
		}
	}
	if !slices.IsSorted(names) {
		t.Error("routes.go is not sorted by NSID")
	}
	for _, m := range lexicon.Embedded().Methods() {
		name := m.NSID.String()
		if !strings.HasPrefix(name, "com.atproto.") || slices.Contains(names, name) || notServed[name] != "" {
			continue
		}
		if !slices.Contains(notYet, name) {
			t.Errorf("%s is in the catalog, not served, and no reason is given", name)
		}
	}
}

// Without an app view its methods are not there: a client who names another one
// gets through to that.
func TestRoutesWithoutAnAppView(t *testing.T) {
	for _, r := range surface(Config{Verifier: &auth.Verifier{}, Service: &atproto.Service{}, Firehose: &firehose.Server{}, Upstream: upstream.New(upstream.Options{})}) {
		if !strings.HasPrefix(r.NSID.String(), "com.atproto.") {
			t.Errorf("%s is served", r.NSID)
		}
	}
}
