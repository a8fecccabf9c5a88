package atproto

import (
	"slices"
	"strings"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/repo"
)

// protectedMethods are never called by another service on an account's behalf
// (reference behaviour): they change how the account is reached or owned.
var protectedMethods = []syntax.NSID{
	"com.atproto.admin.sendEmail",
	"com.atproto.identity.requestPlcOperationSignature",
	"com.atproto.identity.signPlcOperation",
	"com.atproto.identity.updateHandle",
	"com.atproto.server.activateAccount",
	"com.atproto.server.confirmEmail",
	"com.atproto.server.createAppPassword",
	"com.atproto.server.deactivateAccount",
	"com.atproto.server.getAccountInviteCodes",
	"com.atproto.server.getSession",
	"com.atproto.server.listAppPasswords",
	"com.atproto.server.requestAccountDelete",
	"com.atproto.server.requestEmailConfirmation",
	"com.atproto.server.requestEmailUpdate",
	"com.atproto.server.revokeAppPassword",
	"com.atproto.server.updateEmail",
}

// privilegedMethods need the account's own password, or an app password that
// was made for private conversations. Names are compared without case.
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

func privilegedMethod(lxm syntax.NSID) bool {
	return slices.Contains(privilegedMethods, strings.ToLower(lxm.String()))
}

func signServiceAuth(in GetServiceAuthIn, expires time.Time) repo.SignServiceAuth {
	return repo.SignServiceAuth{Audience: in.Aud, Lexicon: in.Lxm, Expires: expires}
}
