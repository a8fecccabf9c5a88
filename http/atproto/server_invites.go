package atproto

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/mailbox"
	"troupe/http/auth"
)

// operator is whom codes belong to that are given out by hand.
const operator = "admin"

// maxInvites is how many codes one request may make.
const maxInvites = 10_000

// CreateInviteCodeIn is the input of com.atproto.server.createInviteCode.
type CreateInviteCodeIn struct {
	UseCount   int64      `json:"useCount"`
	ForAccount syntax.DID `json:"forAccount"`
}

// CreateInviteCodeOut answers createInviteCode.
type CreateInviteCodeOut struct {
	Code account.InviteCode `json:"code"`
}

// CreateInviteCode makes an invite code for the operator to hand out.
func (h Server) CreateInviteCode(ctx context.Context, _ auth.Admin, in CreateInviteCodeIn) (CreateInviteCodeOut, error) {
	owner := in.ForAccount.String()
	if owner == "" {
		owner = operator
	}
	made, err := h.makeInvites(ctx, []string{owner}, 1, in.UseCount)
	if err != nil {
		return CreateInviteCodeOut{}, err
	}
	return CreateInviteCodeOut{made[0].Codes[0]}, nil
}

// CreateInviteCodesIn is the input of com.atproto.server.createInviteCodes.
type CreateInviteCodesIn struct {
	CodeCount   int64        `json:"codeCount"`
	UseCount    int64        `json:"useCount"`
	ForAccounts []syntax.DID `json:"forAccounts"`
}

// CreateInviteCodesOut answers createInviteCodes.
type CreateInviteCodesOut struct {
	Codes []AccountCodes `json:"codes"`
}

// AccountCodes is com.atproto.server.createInviteCodes#accountCodes.
type AccountCodes struct {
	Account string               `json:"account"`
	Codes   []account.InviteCode `json:"codes"`
}

// CreateInviteCodes makes invite codes for the operator, or as many for each of
// several accounts: all of them or none.
func (h Server) CreateInviteCodes(ctx context.Context, _ auth.Admin, in CreateInviteCodesIn) (CreateInviteCodesOut, error) {
	owners := []string{operator}
	if in.ForAccounts != nil {
		owners = make([]string, len(in.ForAccounts))
		for i, did := range in.ForAccounts {
			owners[i] = did.String()
		}
	}
	made, err := h.makeInvites(ctx, owners, in.CodeCount, in.UseCount)
	return CreateInviteCodesOut{made}, err
}

func (s *Service) makeInvites(ctx context.Context, owners []string, each, uses int64) ([]AccountCodes, error) {
	if each < 0 || uses < 0 || each > maxInvites || each*int64(len(owners)) > maxInvites {
		return nil, Invalid{"InvalidRequest", "useCount and codeCount must not be negative, nor ask for more than 10000 codes"}
	}
	m := account.CreateInvites{For: owners, Uses: uses, CreatedBy: operator}
	made := make([]AccountCodes, len(owners))
	for i, owner := range owners {
		made[i] = AccountCodes{owner, s.newInvites(int(each))}
		m.Codes = append(m.Codes, made[i].Codes...)
	}
	_, err := mailbox.Ask(ctx, s.Accounts, m)
	return made, err
}

// newInvites are codes like "pds-example-com-xxxxx-xxxxx" that nobody can guess.
func (s *Service) newInvites(n int) []account.InviteCode {
	host := s.DID.String()
	if u, err := url.Parse(s.URL); err == nil {
		host = u.Hostname()
	}
	codes := make([]account.InviteCode, n)
	for i := range codes {
		codes[i] = account.NewInviteCode(host)
	}
	return codes
}

// InviteRules say who may sign up, and whom accounts may invite.
type InviteRules struct {
	Required bool
	Interval time.Duration // in which an account earns a code; 0: it earns none
	Epoch    time.Time     // from when on
}

// AccountInvitesIn holds the parameters of com.atproto.server.getAccountInviteCodes.
type AccountInvitesIn struct {
	IncludeUsed     bool `query:"includeUsed"`
	CreateAvailable bool `query:"createAvailable"`
}

// InvitesOut answers getAccountInviteCodes and admin.getInviteCodes.
type InvitesOut struct {
	Cursor string       `json:"cursor,omitempty"`
	Codes  []InviteCode `json:"codes"`
}

// InviteCode is com.atproto.server.defs#inviteCode.
type InviteCode struct {
	Code       account.InviteCode `json:"code"`
	Available  int64              `json:"available"`
	Disabled   bool               `json:"disabled"`
	ForAccount string             `json:"forAccount"`
	CreatedBy  string             `json:"createdBy"`
	CreatedAt  string             `json:"createdAt"`
	Uses       []InviteUse        `json:"uses"`
}

// InviteUse is com.atproto.server.defs#inviteCodeUse.
type InviteUse struct {
	UsedBy syntax.DID `json:"usedBy"`
	UsedAt string     `json:"usedAt"`
}

// GetAccountInviteCodes lists the codes that somebody may give to friends, and
// makes the ones that were earned meanwhile.
func (h Server) GetAccountInviteCodes(ctx context.Context, who auth.Owner, in AccountInvitesIn) (InvitesOut, error) {
	if a, ok := h.Index.ByDID(who.DID); !ok || !a.Active() {
		return InvitesOut{}, errAccountNotFound
	}
	if r := h.Invites; in.CreateAvailable && r.Required && r.Interval > 0 {
		_, err := mailbox.Ask(ctx, h.Accounts, account.EarnInvites{
			DID: who.DID, Interval: r.Interval, Epoch: r.Epoch, Codes: h.newInvites(account.MaxUnusedInvites),
		})
		if errors.Is(err, account.ErrDuplicate) {
			err = Invalid{"DuplicateCreate", "attempted to create additional codes in another request"}
		}
		if err != nil {
			return InvitesOut{}, err
		}
	}
	all, err := h.Private.InvitesOf(ctx, who.DID)
	out := InvitesOut{Codes: []InviteCode{}}
	for _, i := range all {
		if !i.Disabled && (in.IncludeUsed || i.Used < i.Uses) {
			out.Codes = append(out.Codes, inviteCode(i))
		}
	}
	return out, err
}

func inviteCode(i account.UsedInvite) InviteCode {
	c := InviteCode{
		Code: i.Code, Available: i.Uses, Disabled: i.Disabled, ForAccount: i.ForAccount, CreatedBy: i.CreatedBy,
		CreatedAt: datetime(i.CreatedAt), Uses: []InviteUse{},
	}
	for _, u := range i.UsedBy {
		c.Uses = append(c.Uses, InviteUse{u.By, datetime(u.At)})
	}
	return c
}

func inviteCodes(all []account.UsedInvite) []InviteCode {
	codes := make([]InviteCode, len(all))
	for i := range all {
		codes[i] = inviteCode(all[i])
	}
	return codes
}

// datetime is a time as lexicons write it.
func datetimeNow() string { return datetime(time.Now()) }

func datetime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
