package identity

import (
	"strconv"
	"strings"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// course is what a turn does about one question.
type course uint8

const (
	fetch           course = iota // the asker waits for the network
	serve                         // the cache answers
	serveAndRefresh               // the cache answers, and the network is asked meanwhile
)

// decide chooses for a cached copy of this age. A copy from the future (the clock was
// set back) counts as stale: it is served once more while a new one is fetched.
func decide(age, fresh, stale time.Duration, forced bool) course {
	switch {
	case forced || age >= stale:
		return fetch
	case age >= 0 && age < fresh:
		return serve
	}
	return serveAndRefresh
}

// lookupForm says how a DID is looked up.
type lookupForm uint8

const (
	formNone lookupForm = iota
	formPLC
	formWeb      // https://<host>/.well-known/did.json
	formWebLocal // http://localhost:<port>/.well-known/did.json, development only
)

const maxDID = 2048

// form classifies a DID before any network is touched: did:plc with its 24 base32
// characters, did:web with a plain host name. did:web with a path or a port is not an
// atproto identity.
func form(did syntax.DID, dev bool) (lookupForm, string) {
	if len(did) > maxDID {
		return formNone, ""
	}
	if id, ok := strings.CutPrefix(string(did), "did:plc:"); ok {
		if len(id) != 24 || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz234567") != "" {
			return formNone, ""
		}
		return formPLC, ""
	}
	host, ok := strings.CutPrefix(string(did), "did:web:")
	if !ok {
		return formNone, ""
	}
	if dev && host == "localhost" {
		return formWebLocal, host
	}
	if port, ok := strings.CutPrefix(host, "localhost%3A"); dev && ok {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return formNone, ""
		}
		return formWebLocal, "localhost:" + port
	}
	h, err := syntax.ParseHandle(host)
	if err != nil || !h.AllowedTLD() {
		return formNone, ""
	}
	return formWeb, host
}

// handleAllowed says whether a (normalised) handle may be looked up at all.
func handleAllowed(h syntax.Handle, dev bool) bool {
	return dev || h.AllowedTLD() && h.TLD() != "test"
}
