package auth

import (
	"slices"
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"
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

// Protected reports whether a method is closed to other services: no token is
// made for it, and no request to it is passed on.
func Protected(lxm syntax.NSID) bool {
	return slices.Contains(protectedMethods, strings.ToLower(lxm.String()))
}

// Privileged reports whether a method needs a session that is [Session.Privileged].
func Privileged(lxm syntax.NSID) bool {
	return slices.Contains(privilegedMethods, strings.ToLower(lxm.String()))
}
