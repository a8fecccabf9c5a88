package accountdb

import (
	"crypto/sha256"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// Hash is what is stored in the place of a secret: its SHA-256. The zero Hash
// stands for none.
type Hash [sha256.Size]byte

// HashOf is the stored form of a secret; of "" there is none.
func HashOf(secret string) Hash {
	if secret == "" {
		return Hash{}
	}
	return sha256.Sum256([]byte(secret))
}

func (h Hash) sql() any {
	if h == (Hash{}) {
		return nil
	}
	return h[:]
}

func hashIn(b []byte) (h Hash) {
	copy(h[:], b)
	return h
}

// ClientID names an app: the URL of its description.
type ClientID string

// Device is a row of table device: a browser.
type Device struct {
	ID        Hash
	Secret    Hash
	Previous  Hash // zero: none
	RotatedAt time.Time
	UserAgent string
	Address   string
	CreatedAt time.Time
	SeenAt    time.Time
}

// DeviceAccount is a row of table device_account.
type DeviceAccount struct {
	Device          Hash
	DID             syntax.DID
	CreatedAt       time.Time
	AuthenticatedAt time.Time // when the password was last given
}

// AuthorizationRequest is a row of table authorization_request.
type AuthorizationRequest struct {
	ID         Hash
	Client     ClientID
	Auth       []byte // JSON; nil: the client did not say who it is
	Parameters []byte // JSON
	ExpiresAt  time.Time
	Device     Hash       // zero: nobody has looked at it yet
	DID        syntax.DID // "": not granted yet
	Code       Hash       // zero: not granted yet
}

// AuthorizedClient is a row of table authorized_client.
type AuthorizedClient struct {
	DID       syntax.DID
	Client    ClientID
	Scope     string // everything that was allowed so far
	CreatedAt time.Time
	UpdatedAt time.Time
}

// AppSessionID names a row of table app_session. A number is never used twice.
type AppSessionID int64

// AppSession is a row of table app_session.
type AppSession struct {
	ID          AppSessionID
	DID         syntax.DID
	Client      ClientID
	Auth        []byte // JSON
	Device      Hash   // zero: unknown
	Thumbprint  string // of the key that every request proves to hold
	Requested   string // scope, as it was consented to
	Scope       string // what that means, permission sets taken apart
	CreatedAt   time.Time
	RefreshedAt time.Time
	Token       TokenID // of the access token in force
	ExpiresAt   time.Time
	EndsAt      time.Time // of no use afterwards
	Refresh     Hash      // zero: the app may not refresh
	Code        Hash      // what it was exchanged for
}
