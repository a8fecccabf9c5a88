package atproto

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/mailbox"
	"troupe/http/auth"
	"troupe/http/xrpc"
)

// AccountInvitesSwitch is the input of com.atproto.admin.enableAccountInvites and
// disableAccountInvites.
type AccountInvitesSwitch struct {
	Account syntax.DID `json:"account"`
	Note    string     `json:"note"`
}

// EnableAccountInvites lets an account give out the codes that it earns.
func (h Admin) EnableAccountInvites(ctx context.Context, _ auth.Moderator, in AccountInvitesSwitch) (xrpc.None, error) {
	_, err := mailbox.Ask(ctx, h.Accounts, account.AllowInvites{DID: in.Account, Allowed: true})
	return xrpc.None{}, err
}

// DisableAccountInvites makes the codes that an account earns from now on good
// for nothing. It keeps the ones that it has.
func (h Admin) DisableAccountInvites(ctx context.Context, _ auth.Moderator, in AccountInvitesSwitch) (xrpc.None, error) {
	_, err := mailbox.Ask(ctx, h.Accounts, account.AllowInvites{DID: in.Account})
	return xrpc.None{}, err
}

// DisableInviteCodesIn is the input of com.atproto.admin.disableInviteCodes.
type DisableInviteCodesIn struct {
	Codes    []account.InviteCode `json:"codes"`
	Accounts []string             `json:"accounts"`
}

// DisableInviteCodes makes codes good for nothing, and every code of accounts.
func (h Admin) DisableInviteCodes(ctx context.Context, _ auth.Moderator, in DisableInviteCodesIn) (xrpc.None, error) {
	if slices.Contains(in.Accounts, operator) {
		return xrpc.None{}, Invalid{"InvalidRequest", "cannot disable admin invite codes"}
	}
	m := account.DisableInvites{Codes: in.Codes}
	for _, did := range in.Accounts {
		m.Accounts = append(m.Accounts, syntax.DID(did))
	}
	_, err := mailbox.Ask(ctx, h.Accounts, m)
	return xrpc.None{}, err
}

// GetInviteCodesIn holds the parameters of com.atproto.admin.getInviteCodes.
type GetInviteCodesIn struct {
	Sort   string `query:"sort"`
	Limit  int    `query:"limit"`
	Cursor string `query:"cursor"`
}

// GetInviteCodes lists every invite code, the newest or the most used first.
func (h Admin) GetInviteCodes(ctx context.Context, _ auth.Moderator, in GetInviteCodesIn) (InvitesOut, error) {
	if in.Sort != "recent" && in.Sort != "usage" {
		return InvitesOut{}, Invalid{"InvalidRequest", "unknown sort method: " + in.Sort}
	}
	byUse := in.Sort == "usage"
	after, err := parseInvitePlace(in.Cursor)
	if err != nil {
		return InvitesOut{}, err
	}
	all, err := h.Private.Invites(ctx, byUse, after, in.Limit)
	out := InvitesOut{Codes: inviteCodes(all)}
	if len(all) > 0 {
		out.Cursor = invitePlace(all[len(all)-1], byUse)
	}
	return out, err
}

// invitePlace is the place of a code as a cursor: what the list is sorted by
// (uses, or microseconds), and the code.
func invitePlace(i account.UsedInvite, byUse bool) string {
	primary := i.CreatedAt.UnixMicro()
	if byUse {
		primary = i.Used
	}
	return strconv.FormatInt(primary, 10) + "::" + string(i.Code)
}

func parseInvitePlace(cursor string) (account.InvitePlace, error) {
	if cursor == "" {
		return account.InvitePlace{}, nil
	}
	primary, code, ok := strings.Cut(cursor, "::")
	n, err := strconv.ParseInt(primary, 10, 64)
	if !ok || err != nil || code == "" || strings.Contains(code, "::") {
		return account.InvitePlace{}, Invalid{"InvalidRequest", "Malformed cursor"}
	}
	return account.InvitePlace{CreatedAt: time.UnixMicro(n), Used: n, Code: account.InviteCode(code)}, nil
}
