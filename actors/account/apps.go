package account

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/accountdb"
)

// Nouns of OAuth, as account.sqlite has them.
type (
	ClientID     = accountdb.ClientID
	AppSession   = accountdb.AppSession
	AppSessionID = accountdb.AppSessionID
	DeviceID     = accountdb.Hash // of the name in a browser's cookie
)

// Secrets that the server makes up carry their kind in front, 16 or 32 random
// bytes in hex behind it. Only their hashes are kept.
func secret(kind string, bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b)
	return kind + hex.EncodeToString(b)
}

// NewRequestID names what an app asks for.
func NewRequestID() string { return secret("req-", 16) }

// NewCode makes an authorization code.
func NewCode() string { return secret("cod-", 32) }

// NewAppToken names an access token (its jti).
func NewAppToken() TokenID { return TokenID(secret("tok-", 16)) }

// NewAppRefresh makes a refresh token.
func NewAppRefresh() string { return secret("ref-", 32) }

// NewDevice makes the name of a browser and its first secret.
func NewDevice() (name, first string) { return secret("dev-", 16), NewDeviceSecret() }

// NewDeviceSecret makes the half of a browser's cookie that changes.
func NewDeviceSecret() string { return secret("ses-", 16) }

// DeviceOf is what a browser's cookie is known by.
func DeviceOf(name string) DeviceID { return accountdb.HashOf(name) }

// ClientAuth is how an app proved who it is.
type ClientAuth struct {
	Method     string `json:"method"` // "none" or "private_key_jwt"
	Alg        string `json:"alg,omitempty"`
	Kid        string `json:"kid,omitempty"`
	Thumbprint string `json:"jkt,omitempty"` // of the key, SHA-256
}

// provenBy is the method of apps that sign with a key of their own.
const provenBy = "private_key_jwt"

// ContinuesFrom reports whether a request may go on with what another began: a
// session keeps the key that it began with. An app that had none may get one.
func (a ClientAuth) ContinuesFrom(before ClientAuth) bool {
	return before.Method != provenBy || a == before
}

// AppRequest holds the parameters of an authorization request
// (atproto.com/specs/oauth, "Authorization Requests").
type AppRequest struct {
	RedirectURI  string `json:"redirect_uri"`
	Scope        string `json:"scope"`
	State        string `json:"state,omitempty"`
	Challenge    string `json:"code_challenge"` // of method S256
	Prompt       string `json:"prompt,omitempty"`
	LoginHint    string `json:"login_hint,omitempty"`
	ResponseMode string `json:"response_mode,omitempty"`
	Display      string `json:"display,omitempty"`
	Locales      string `json:"ui_locales,omitempty"`
	Thumbprint   string `json:"dpop_jkt,omitempty"` // of the key that the tokens are to be bound to; "": the first that comes
}

// AppRefused refuses what an app asks for. Code is the OAuth error code, the
// words are for the app's developer.
type AppRefused struct{ Code, Description string }

func (e AppRefused) Error() string { return e.Code + ": " + e.Description }

func badGrant(description string) error { return AppRefused{"invalid_grant", description} }
func denied(description string) error   { return AppRefused{"access_denied", description} }

// appRequest reads what a row says was asked for.
func appRequest(row accountdb.AuthorizationRequest) (q AppRequest, auth ClientAuth, err error) {
	if err = json.Unmarshal(row.Parameters, &q); err == nil && row.Auth != nil {
		err = json.Unmarshal(row.Auth, &auth)
	}
	if err != nil {
		err = fmt.Errorf("account: authorization request cannot be read: %w", err)
	}
	return q, auth, err
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // structs of text
	}
	return b
}

// Lifetimes of OAuth (atproto.com/specs/oauth).
const (
	requestLife   = 5 * time.Minute // of a request, and of a code; a request that is looked at begins anew
	AppTokenLife  = 60 * time.Minute
	secretLife    = 5 * time.Minute // after which a browser gets a new secret
	secretOverlap = 5 * time.Second // how long the one before is good
)

// AppLife is how long a session of an app lasts.
type AppLife struct {
	Whole time.Duration // however often it is refreshed
	Idle  time.Duration // without being refreshed; 0: it cannot be
}

// ends is when a session is of no use any more.
func (l AppLife) ends(created, refreshed time.Time) time.Time {
	return earlier(created.Add(l.Whole), refreshed.Add(max(l.Idle, AppTokenLife)))
}

// tokenEnds is when an access token ends that is made now.
func (l AppLife) tokenEnds(created, now time.Time) time.Time {
	return earlier(now.Add(AppTokenLife), created.Add(l.Whole))
}

// standing refuses accounts that no app may act for.
func (b *batch) standing(did syntax.DID) error {
	row, err := b.hosted(did)
	switch {
	case err != nil:
		return err
	case row.Status != accountdb.Active:
		return denied("This account has been deactivated or taken down")
	}
	return nil
}
