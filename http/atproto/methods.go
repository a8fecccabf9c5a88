package atproto

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/repo"
)

// protectedMethods are never called by another service on an account's behalf
// (reference behaviour): they change how the account is reached or owned.
// Names are compared without case, here and below: another server may take one
// in any.
var protectedMethods = []string{
	"com.atproto.admin.sendemail",
	"com.atproto.identity.requestplcoperationsignature",
	"com.atproto.identity.signplcoperation",
	"com.atproto.identity.updatehandle",
	"com.atproto.server.activateaccount",
	"com.atproto.server.confirmemail",
	"com.atproto.server.createapppassword",
	"com.atproto.server.deactivateaccount",
	"com.atproto.server.getaccountinvitecodes",
	"com.atproto.server.getsession",
	"com.atproto.server.listapppasswords",
	"com.atproto.server.requestaccountdelete",
	"com.atproto.server.requestemailconfirmation",
	"com.atproto.server.requestemailupdate",
	"com.atproto.server.revokeapppassword",
	"com.atproto.server.updateemail",
}

// privilegedMethods need the account's own password, or an app password that
// was made for private conversations.
var privilegedMethods = []string{
	"chat.bsky.actor.deleteaccount",
	"chat.bsky.actor.exportaccountdata",
	"chat.bsky.convo.deletemessageforself",
	"chat.bsky.convo.getconvo",
	"chat.bsky.convo.getconvoformembers",
	"chat.bsky.convo.getlog",
	"chat.bsky.convo.getmessages",
	"chat.bsky.convo.leaveconvo",
	"chat.bsky.convo.listconvos",
	"chat.bsky.convo.muteconvo",
	"chat.bsky.convo.sendmessage",
	"chat.bsky.convo.sendmessagebatch",
	"chat.bsky.convo.unmuteconvo",
	"chat.bsky.convo.updateread",
	"com.atproto.server.createaccount",
}

func protectedMethod(lxm syntax.NSID) bool {
	return slices.Contains(protectedMethods, strings.ToLower(lxm.String()))
}

func privilegedMethod(lxm syntax.NSID) bool {
	return slices.Contains(privilegedMethods, strings.ToLower(lxm.String()))
}

// audience accepts what a service token may be for: an identity of this network
// (did:plc, or did:web of a bare host), or one service of it (did#id).
func audience(aud string) bool {
	did, service, named := strings.Cut(aud, "#")
	if named && !serviceID.MatchString(service) {
		return false
	}
	return plcDID.MatchString(did) || webDID.MatchString(did)
}

var (
	plcDID    = regexp.MustCompile(`^did:plc:[a-z2-7]{24}$`)
	webDID    = regexp.MustCompile(`^did:web:[a-zA-Z0-9][a-zA-Z0-9.-]*(%3A[0-9]{1,5})?$`)
	serviceID = regexp.MustCompile(`^[a-zA-Z0-9._~!$&'()*+,;=:@/?%-]+$`) // a URI fragment, not empty
)

func signServiceAuth(in GetServiceAuthIn, expires time.Time) repo.SignServiceAuth {
	return repo.SignServiceAuth{Audience: in.Aud, Lexicon: in.Lxm, Expires: expires}
}
