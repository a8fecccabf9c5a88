package oauth

import (
	"context"
	"fmt"
	nethttp "net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/mailbox"
	"troupe/actors/permission"
	"troupe/http/dpop"
	"troupe/http/oauth/client"
)

// requestURI begins the names of pushed requests (RFC 9126 §2.2).
const requestURI = "urn:ietf:params:oauth:request_uri:"

// pushed answers a pushed request.
type pushed struct {
	RequestURI string `json:"request_uri"`
	ExpiresIn  int64  `json:"expires_in"` // seconds
}

// push stores what an app asks for (RFC 9126).
func (s *Server) push(r *nethttp.Request, in input) (int, any, error) {
	ctx := r.Context()
	c, auth, proof, err := s.authenticate(r, in, false)
	if err != nil {
		return 0, nil, err
	}
	q, err := s.validate(ctx, c, in)
	if err != nil {
		return 0, nil, err
	}
	switch {
	case proof == nil:
	case q.Thumbprint == "":
		q.Thumbprint = proof.Thumbprint
	case q.Thumbprint != proof.Thumbprint:
		return 0, nil, client.Refusal{Code: "invalid_dpop_proof", Description: "DPoP proof does not match the dpop_jkt parameter"}
	}
	id := account.NewRequestID()
	until, err := mailbox.Ask(ctx, s.Accounts, account.PushRequest{ID: id, Client: account.ClientID(c.ID), Auth: &auth, Request: q})
	if err != nil {
		return 0, nil, err
	}
	return nethttp.StatusCreated, pushed{requestURI + url.QueryEscape(id), int64(time.Until(until).Round(time.Second).Seconds())}, nil
}

// authenticate finds the client of a call and verifies that it is the client,
// and the holder of a key. proof is nil if there is none, which required refuses.
func (s *Server) authenticate(r *nethttp.Request, in input, required bool) (*client.Client, account.ClientAuth, *dpop.Proof, error) {
	var none account.ClientAuth
	if in["client_id"] == "" {
		return nil, none, nil, client.Refusal{Code: "invalid_client", Description: "client_id is required"}
	}
	p, found, err := s.Proofs.Check(r, "")
	if err != nil {
		return nil, none, nil, err
	}
	if required && !found {
		return nil, none, nil, dpop.Invalid{Message: "DPoP proof required"}
	}
	c, auth, err := s.Clients.Authenticate(r.Context(), in["client_id"], in["client_assertion_type"], in["client_assertion"])
	switch {
	case err != nil:
		return nil, none, nil, err
	case !found:
		return c, auth, nil, nil
	case auth.Thumbprint == p.Thumbprint:
		return nil, none, nil, invalidRequest("The DPoP proof must be signed with a different key than the client assertion")
	}
	return c, auth, &p, nil
}

var (
	// challenges are the SHA-256 of a verifier in base64url.
	challenges = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)
	prompts    = []string{"", "none", "login", "consent", "select_account", "create"}
	modes      = []string{"", "query", "fragment", "form_post"}
)

// validate holds what an app asks for to the rules, and to what its description
// declares.
func (s *Server) validate(ctx context.Context, c *client.Client, in input) (q account.AppRequest, err error) {
	for _, name := range []string{"claims", "id_token_hint", "nonce", "request", "request_uri", "authorization_details"} {
		if in[name] != "" {
			return q, invalidRequest(fmt.Sprintf("Unsupported %q parameter", name))
		}
	}
	switch {
	case in["response_type"] == "":
		return q, invalidRequest("response_type is required")
	case in["response_type"] != "code":
		return q, client.Refusal{Code: "unsupported_response_type", Description: `atproto only supports the "code" response_type`}
	case in["code_challenge"] == "":
		return q, invalidRequest("Use of PKCE is required")
	case in["code_challenge_method"] != "S256":
		return q, invalidRequest(`atproto requires use of "S256" code_challenge_method`)
	case !challenges.MatchString(in["code_challenge"]):
		return q, invalidRequest("code_challenge must be a SHA-256 in base64url")
	case !slices.Contains(prompts, in["prompt"]):
		return q, invalidRequest("Unsupported prompt")
	case !slices.Contains(modes, in["response_mode"]):
		return q, invalidRequest("Unsupported response_mode")
	}
	q = account.AppRequest{
		State: in["state"], Challenge: in["code_challenge"], Prompt: in["prompt"], ResponseMode: in["response_mode"],
		Display: in["display"], Locales: in["ui_locales"], Thumbprint: in["dpop_jkt"],
	}
	if q.RedirectURI, err = c.Redirect(in["redirect_uri"]); err != nil {
		return q, err
	}
	if q.Scope, err = s.scope(ctx, c, in["scope"]); err != nil {
		return q, err
	}
	if q.LoginHint = strings.ToLower(in["login_hint"]); q.LoginHint != "" {
		if _, err := syntax.ParseAtIdentifier(q.LoginHint); err != nil {
			return q, invalidRequest("Invalid login_hint")
		}
	}
	// Anybody may say to be an app that cannot prove it: people are always asked.
	if !c.Confidential() && !c.Trusted {
		switch q.Prompt {
		case "none":
			return q, client.Refusal{Code: "consent_required", Description: "Public clients are not allowed to use silent-sign-on"}
		case "create":
		default:
			q.Prompt = "consent"
		}
	}
	return q, nil
}

// scope reads what is asked for. What this server does not understand is left
// out; what the app's description does not declare is refused, and so is a
// permission set that cannot be found.
func (s *Server) scope(ctx context.Context, c *client.Client, asked string) (string, error) {
	refuse := func(words string) (string, error) {
		return "", client.Refusal{Code: "invalid_scope", Description: words}
	}
	values := strings.Fields(asked)
	declared := strings.Fields(c.Scope)
	for _, v := range values {
		if !slices.Contains(declared, v) {
			return refuse(fmt.Sprintf("Scope %q is not declared in the client metadata", v))
		}
	}
	switch {
	case !slices.Contains(values, string(permission.Atproto)):
		return refuse(`The "atproto" scope is required`)
	case slices.Contains(values, "openid"):
		return refuse("OpenID Connect is not compatible with atproto")
	}
	set := permission.ParseSet(asked)
	if _, err := s.expand(ctx, set); err != nil {
		return refuse(err.Error())
	}
	return set.String(), nil
}

// expand takes permission sets apart.
func (s *Server) expand(ctx context.Context, set permission.Set) (permission.Set, error) {
	return set.Expand(func(nsid syntax.NSID) (permission.Published, error) { return s.Sets(ctx, nsid) })
}
