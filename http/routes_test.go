package http

import (
	"slices"
	"strings"
	"testing"
	"time"

	"troupe/actors/lexicon"
	"troupe/http/atproto"
	"troupe/http/auth"
	"troupe/http/firehose"
	"troupe/http/upstream"
	"troupe/http/xrpc"
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
var notYet = []string{}

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

// bounds is how often a method may be asked for, beside rate.Global: points, seconds, by whom, of which bucket.
var bounds = map[string][]xrpc.Rate{
	"com.atproto.repo.applyWrites":  {{Points: 5000, Window: hour, By: xrpc.RateByAccount, Bucket: "repo-write-hour"}, {Points: 35000, Window: day, By: xrpc.RateByAccount, Bucket: "repo-write-day"}},
	"com.atproto.repo.createRecord": {{Points: 5000, Window: hour, By: xrpc.RateByAccount, Bucket: "repo-write-hour", Cost: 3}, {Points: 35000, Window: day, By: xrpc.RateByAccount, Bucket: "repo-write-day", Cost: 3}},
	"com.atproto.repo.deleteRecord": {{Points: 5000, Window: hour, By: xrpc.RateByAccount, Bucket: "repo-write-hour", Cost: 1}, {Points: 35000, Window: day, By: xrpc.RateByAccount, Bucket: "repo-write-day", Cost: 1}},
	"com.atproto.repo.putRecord":    {{Points: 5000, Window: hour, By: xrpc.RateByAccount, Bucket: "repo-write-hour", Cost: 2}, {Points: 35000, Window: day, By: xrpc.RateByAccount, Bucket: "repo-write-day", Cost: 2}},
	"com.atproto.repo.uploadBlob":   {{Points: 1000, Window: day, Cost: 1}},

	"com.atproto.server.createAccount":            {{Points: 100, Window: fiveMin, Cost: 1}},
	"com.atproto.server.createSession":            {{Points: 30, Window: fiveMin, By: xrpc.RateByNameClient, Cost: 1}, {Points: 300, Window: day, By: xrpc.RateByNameClient, Cost: 1}, {Points: 500, Window: hour, By: xrpc.RateByName, Cost: 1}},
	"com.atproto.server.deleteAccount":            {{Points: 50, Window: fiveMin, Cost: 1}},
	"com.atproto.server.requestAccountDelete":     {{Points: 5, Window: hour, By: xrpc.RateByAccount, Cost: 1}, {Points: 15, Window: day, By: xrpc.RateByAccount, Cost: 1}},
	"com.atproto.server.requestEmailConfirmation": {{Points: 5, Window: hour, By: xrpc.RateByAccount, Cost: 1}, {Points: 15, Window: day, By: xrpc.RateByAccount, Cost: 1}},
	"com.atproto.server.requestEmailUpdate":       {{Points: 5, Window: hour, By: xrpc.RateByAccount, Cost: 1}, {Points: 15, Window: day, By: xrpc.RateByAccount, Cost: 1}},
	"com.atproto.server.requestPasswordReset":     {{Points: 15, Window: hour, Cost: 1}, {Points: 50, Window: day, Cost: 1}},
	"com.atproto.server.reserveSigningKey":        {{Points: 500, Window: day, Cost: 1}},
	"com.atproto.server.resetPassword":            {{Points: 50, Window: fiveMin, Cost: 1}},
	"com.atproto.identity.updateHandle":           {{Points: 10, Window: fiveMin, By: xrpc.RateByAccount, Cost: 1}, {Points: 50, Window: day, By: xrpc.RateByAccount, Cost: 1}},
	"com.atproto.sync.getRepo":                    {{Points: 6000, Window: fiveMin, Cost: 1, Alone: true}},
}

const (
	fiveMin = 5 * time.Minute
	hour    = time.Hour
	day     = 24 * time.Hour
)

func TestBoundsOfRoutes(t *testing.T) {
	for _, r := range routes(&auth.Verifier{}, &atproto.Service{}, &firehose.Server{}, nil) {
		if want := bounds[r.NSID.String()]; !slices.Equal(r.Rates, want) {
			t.Errorf("%s is bounded by %+v, want %+v", r.NSID, r.Rates, want)
		}
	}
}
