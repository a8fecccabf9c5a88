package operator

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// AccountCommands is `pds account`.
type AccountCommands struct {
	List            listCommand     `cmd:"" help:"List every account with its handle, address and state."`
	Info            infoCommand     `cmd:"" help:"Show what moderators see of an account, as JSON."`
	Create          createCommand   `cmd:"" help:"Make an account with a random password, which is printed."`
	Approve         approveCommand  `cmd:"" help:"Let somebody in who has signed up and waits."`
	Delete          deleteCommand   `cmd:"" help:"Delete an account for good: repository, blobs and all."`
	Takedown        takedownCommand `cmd:"" help:"Close an account: nothing of it is served, its owner can only leave."`
	Untakedown      liftCommand     `cmd:"" help:"Open it again."`
	ResetPassword   resetCommand    `cmd:"" help:"Give an account a random password, which is printed, and end its sessions."`
	PublishIdentity publishCommand  `cmd:"" help:"Announce the identity of accounts again, and bring the PLC directory in line with their handles."`
	RotateKey       rotateCommand   `cmd:"" help:"Give accounts a new signing key each: in the PLC directory, in their repository, and announced. Writes wait meanwhile."`
}

type listCommand struct {
	Remote
	JSON bool `help:"One JSON object a line."`
}

// view is an account as com.atproto.admin.getAccountInfos shows it.
type view struct {
	DID, Handle, Email, IndexedAt, EmailConfirmedAt string

	ThreatSignatures []struct{ Property, Value string }
}

// waits says what the owner of an account waits for since signing up, "" for nothing.
func (v view) waits() string {
	var what []string
	for _, s := range v.ThreatSignatures {
		if s.Property == "signupQueued" {
			what = append(what, s.Value)
		}
	}
	return strings.Join(what, " and ")
}

// listed is a line of the list.
type listed struct {
	DID       string `json:"did"`
	Handle    string `json:"handle"`
	Email     string `json:"email,omitempty"`
	Confirmed bool   `json:"emailConfirmed"`
	Status    string `json:"status"`
	CreatedAt string `json:"createdAt"`
}

// Run lists accounts page by page: listRepos has all of them, also those that
// are not active.
func (c *listCommand) Run(ctx context.Context, connect Connect) error {
	s, err := connect(c.Remote)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	defer table.Flush()
	params := url.Values{"limit": {"500"}}
	for {
		page, cursor, err := s.accounts(ctx, params)
		if err != nil {
			return err
		}
		if !c.JSON && params.Get("cursor") == "" {
			fmt.Fprintln(table, "HANDLE\tEMAIL\tDID\tSTATUS")
		}
		for _, a := range page {
			if c.JSON {
				if err := json.NewEncoder(s.Out).Encode(a); err != nil {
					return err
				}
				continue
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", a.Handle, a.Email, a.DID, a.Status)
		}
		if cursor == "" {
			return nil
		}
		params.Set("cursor", cursor)
	}
}

// infosAtOnce keeps the names of a request below what servers take as a URL.
const infosAtOnce = 50

func (s *Server) accounts(ctx context.Context, params url.Values) (all []listed, cursor string, err error) {
	var repos struct {
		Cursor string
		Repos  []struct {
			DID, Status string
			Active      bool
		}
	}
	if err := s.query(ctx, "com.atproto.sync.listRepos", params, &repos); err != nil {
		return nil, "", err
	}
	for at := 0; at < len(repos.Repos); at += infosAtOnce {
		chunk := repos.Repos[at:min(at+infosAtOnce, len(repos.Repos))]
		dids := url.Values{}
		for _, r := range chunk {
			dids.Add("dids", r.DID)
		}
		var infos struct{ Infos []view }
		if err := s.query(ctx, "com.atproto.admin.getAccountInfos", dids, &infos); err != nil {
			return nil, "", err
		}
		known := map[string]view{}
		for _, v := range infos.Infos {
			known[v.DID] = v
		}
		for _, r := range chunk {
			v := known[r.DID]
			a := listed{DID: r.DID, Handle: v.Handle, Email: v.Email, Confirmed: v.EmailConfirmedAt != "", Status: r.Status, CreatedAt: v.IndexedAt}
			if r.Active {
				a.Status = "active"
			} else if what := v.waits(); what != "" {
				a.Status = "waits for " + what
			}
			all = append(all, a)
		}
	}
	return all, repos.Cursor, nil
}

type infoCommand struct {
	Remote
	Account string `arg:"" help:"DID or handle."`
}

// Run shows an account.
func (c *infoCommand) Run(ctx context.Context, connect Connect) error {
	s, err := connect(c.Remote)
	if err != nil {
		return err
	}
	did, err := s.did(ctx, c.Account)
	if err != nil {
		return err
	}
	var info map[string]any
	if err := s.query(ctx, "com.atproto.admin.getAccountInfo", url.Values{"did": {did}}, &info); err != nil {
		return err
	}
	e := json.NewEncoder(s.Out)
	e.SetIndent("", "  ")
	return e.Encode(info)
}

type createCommand struct {
	Remote
	Email  string `arg:"" help:"The owner's address."`
	Handle string `arg:"" help:"The new handle, with its domain."`
}

// Run signs somebody up. The invite code is made also where none is asked for:
// whether one is may change between two requests.
func (c *createCommand) Run(ctx context.Context, connect Connect) error {
	s, err := connect(c.Remote)
	if err != nil {
		return err
	}
	code, err := s.invite(ctx, 1, "")
	if err != nil {
		return err
	}
	password := newPassword()
	var out struct{ DID, Handle string }
	err = s.ask(ctx, "POST", s.URL+"/xrpc/com.atproto.server.createAccount", map[string]string{
		"email": c.Email, "handle": c.Handle, "password": password, "inviteCode": code,
	}, false, &out)
	if err != nil {
		return err
	}
	// The operator knows whom the account is for.
	var made view
	err = s.query(ctx, "com.atproto.admin.getAccountInfo", url.Values{"did": {out.DID}}, &made)
	if err == nil && made.waits() != "" {
		err = s.approve(ctx, out.DID)
	}
	if err != nil {
		return fmt.Errorf("%s is made, and waits to be approved: %w", out.DID, err)
	}
	fmt.Fprintf(s.Out, "Handle    %s\nDID       %s\nPassword  %s\n\nThe password is shown this once.\n", out.Handle, out.DID, password)
	return nil
}

// newPassword has 26 letters and digits, 130 bits.
func newPassword() string { return rand.Text() }

type approveCommand struct {
	Remote
	Account string `arg:"" help:"DID."`
}

// Run lets somebody in.
func (c *approveCommand) Run(ctx context.Context, connect Connect) error {
	s, err := connect(c.Remote)
	if err != nil {
		return err
	}
	return s.approve(ctx, c.Account)
}

func (s *Server) approve(ctx context.Context, account string) error {
	return s.setStatus(ctx, account, "deactivated", map[string]any{"applied": false}, "is approved")
}

type deleteCommand struct {
	Remote
	Account string `arg:"" help:"DID or handle."`
	Yes     bool   `help:"Do not ask." short:"y"`
}

// Run deletes an account.
func (c *deleteCommand) Run(ctx context.Context, connect Connect) error {
	s, err := connect(c.Remote)
	if err != nil {
		return err
	}
	did, err := s.did(ctx, c.Account)
	if err != nil {
		return err
	}
	if !c.Yes && !confirmed(fmt.Sprintf("Delete %s (%s) for good?", c.Account, did)) {
		return fmt.Errorf("nothing was deleted")
	}
	if err := s.call(ctx, "com.atproto.admin.deleteAccount", map[string]string{"did": did}, nil); err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "%s is deleted\n", did)
	return nil
}

type takedownCommand struct {
	Remote
	Account string `arg:"" help:"DID or handle."`
	Ref     string `help:"What to remember the takedown by. Default: the time in seconds."`
}

// Run takes an account down.
func (c *takedownCommand) Run(ctx context.Context, connect Connect) error {
	s, err := connect(c.Remote)
	if err != nil {
		return err
	}
	if c.Ref == "" {
		c.Ref = strconv.FormatInt(time.Now().Unix(), 10)
	}
	return s.takedown(ctx, c.Account, map[string]any{"applied": true, "ref": c.Ref}, "is taken down")
}

type liftCommand struct {
	Remote
	Account string `arg:"" help:"DID."`
}

// Run lifts a takedown.
func (c *liftCommand) Run(ctx context.Context, connect Connect) error {
	s, err := connect(c.Remote)
	if err != nil {
		return err
	}
	return s.takedown(ctx, c.Account, map[string]any{"applied": false}, "is not taken down any more")
}

func (s *Server) takedown(ctx context.Context, account string, takedown map[string]any, done string) error {
	return s.setStatus(ctx, account, "takedown", takedown, done)
}

// setStatus changes one thing about an account by com.atproto.admin.updateSubjectStatus.
func (s *Server) setStatus(ctx context.Context, account, what string, value map[string]any, done string) error {
	did, err := s.did(ctx, account)
	if err != nil {
		return err
	}
	err = s.call(ctx, "com.atproto.admin.updateSubjectStatus", map[string]any{
		"subject": map[string]any{"$type": "com.atproto.admin.defs#repoRef", "did": did},
		what:      value,
	}, nil)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "%s %s\n", did, done)
	return nil
}

type resetCommand struct {
	Remote
	Account string `arg:"" help:"DID or handle."`
}

// Run sets a new password.
func (c *resetCommand) Run(ctx context.Context, connect Connect) error {
	s, err := connect(c.Remote)
	if err != nil {
		return err
	}
	did, err := s.did(ctx, c.Account)
	if err != nil {
		return err
	}
	password := newPassword()
	if err := s.call(ctx, "com.atproto.admin.updateAccountPassword", map[string]string{"did": did, "password": password}, nil); err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "DID       %s\nPassword  %s\n", did, password)
	return nil
}
