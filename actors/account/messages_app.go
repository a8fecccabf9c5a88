package account

import (
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
)

// PushRequest stores what an app asks for, before anybody has looked at it.
type PushRequest struct {
	mailbox.To[*Accounts, time.Time] // until when it is good
	ID                               string
	Client                           ClientID
	Auth                             *ClientAuth // nil: the app did not say who it is
	Request                          AppRequest
}

// ViewRequest is a browser looking at a request. The first that does has it, and
// with each look it is good for another five minutes. It is answered with
// [AppRefused]; whatever is refused is over.
type ViewRequest struct {
	mailbox.To[*Accounts, AppRequest]
	ID     string
	Client ClientID
	Device DeviceID
}

// GrantRequest lets an app in, as the person at a browser decided. It is
// answered with what was asked for, Scope narrowed to what was allowed, or with
// [AppRefused], [ErrNotFound].
type GrantRequest struct {
	mailbox.To[*Accounts, AppRequest]
	ID       string
	Device   DeviceID
	DID      syntax.DID
	Scope    string // of the request, or parts of it
	Code     string // by which the app fetches its tokens
	Remember bool   // not to be asked the same again
}

// EndRequest forgets a request. It is answered with what was asked for; unknown
// is [AppRefused].
type EndRequest struct {
	mailbox.To[*Accounts, AppRequest]
	ID     string
	Device DeviceID
}

// ExchangeCode begins the session of an app. A code is good once, whatever comes
// of it; one that comes again ends the session that it began, and signs the
// person out where it was given. It is answered with [AppRefused].
type ExchangeCode struct {
	mailbox.To[*Accounts, AppSession]
	Code        string
	Client      ClientID
	Auth        ClientAuth
	Thumbprint  string // of the key that the request proves to hold
	RedirectURI string
	Verifier    string
	Scope       string // what the consented scope means
	Life        AppLife
	Token       TokenID
	Refresh     string // "": the app may not refresh
}

// RefreshApp exchanges a refresh token for the next. One that was exchanged
// before ends the session: somebody has it who should not. So does any other
// refusal, except that nobody knows the token. It is answered with [AppRefused].
type RefreshApp struct {
	mailbox.To[*Accounts, AppSession]
	Refresh    string
	Client     ClientID
	Auth       ClientAuth
	Thumbprint string
	Scope      string // what the consented scope means now
	Life       AppLife
	Token      TokenID
	Next       string
}

// RevokeApp ends the session of a token, named by its access token's id or by
// its refresh token, used ones included. Unknown is success. It is answered with
// [AppRefused] if the session is another app's.
type RevokeApp struct {
	mailbox.To[*Accounts, Done]
	Token      TokenID
	Refresh    string
	Client     ClientID
	Auth       ClientAuth
	Thumbprint string
}

// EndApp ends a session for the owner of the account. Unknown is success.
type EndApp struct {
	mailbox.To[*Accounts, Done]
	DID syntax.DID
	ID  AppSessionID
}

// EndApps ends every session of apps with an account. Forget also takes back
// what they were allowed, so that they have to ask again.
type EndApps struct {
	mailbox.To[*Accounts, Done]
	DID    syntax.DID
	Forget bool
}

// SeeDevice shows a browser's cookie. It is answered with the secret that the
// browser is to have from now on: the same, or Next where it is time for
// another. A browser that is new is stored; one that shows a secret which is not
// its own any more is forgotten: [ErrUnknownDevice].
type SeeDevice struct {
	mailbox.To[*Accounts, string]
	Name      string
	Secret    string
	Next      string
	New       bool // the browser has no cookie yet
	Rotate    bool // whatever its age
	UserAgent string
	Address   string
}

// SignInDevice remembers that somebody has given an account's password at a
// browser. It is answered with [ErrNotFound], [ErrUnknownDevice].
type SignInDevice struct {
	mailbox.To[*Accounts, Done]
	Device DeviceID
	DID    syntax.DID
}

// SignOutDevice takes that back, for one account. Unknown is success.
type SignOutDevice struct {
	mailbox.To[*Accounts, Done]
	Device DeviceID
	DID    syntax.DID
}

// SignOutDevices signs an account out on every browser.
type SignOutDevices struct {
	mailbox.To[*Accounts, Done]
	DID syntax.DID
}

// receiveOfApps is Receive for the messages of OAuth.
func (a *Accounts) receiveOfApps(t *mailbox.Turn) {
	switch m := t.Message().(type) {
	case PushRequest:
		mailbox.Later(a, t, m, write(a, pushRequest))
	case ViewRequest:
		mailbox.Later(a, t, m, write(a, viewRequest))
	case GrantRequest:
		mailbox.Later(a, t, m, write(a, grantRequest))
	case EndRequest:
		mailbox.Later(a, t, m, write(a, endRequest))
	case ExchangeCode:
		mailbox.Later(a, t, m, write(a, exchangeCode))
	case RefreshApp:
		mailbox.Later(a, t, m, write(a, refreshApp))
	case RevokeApp:
		mailbox.Later(a, t, m, write(a, revokeApp))
	case EndApp:
		mailbox.Later(a, t, m, write(a, endApp))
	case EndApps:
		mailbox.Later(a, t, m, write(a, endApps))
	case SeeDevice:
		mailbox.Later(a, t, m, write(a, seeDevice))
	case SignInDevice:
		mailbox.Later(a, t, m, write(a, signInDevice))
	case SignOutDevice:
		mailbox.Later(a, t, m, write(a, signOutDevice))
	case SignOutDevices:
		mailbox.Later(a, t, m, write(a, signOutDevices))
	}
}
