package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Metadata describes a client (RFC 7591 §2, draft-ietf-oauth-client-id-metadata-document).
type Metadata struct {
	ClientID        string          `json:"client_id"`
	Name            string          `json:"client_name,omitempty"`
	URI             string          `json:"client_uri,omitempty"`
	LogoURI         string          `json:"logo_uri,omitempty"`
	PolicyURI       string          `json:"policy_uri,omitempty"`
	TermsURI        string          `json:"tos_uri,omitempty"`
	RedirectURIs    []string        `json:"redirect_uris"`
	ResponseTypes   []string        `json:"response_types,omitempty"`
	GrantTypes      []string        `json:"grant_types,omitempty"`
	Scope           string          `json:"scope"`
	ApplicationType string          `json:"application_type,omitempty"`
	AuthMethod      string          `json:"token_endpoint_auth_method,omitempty"`
	AuthAlg         string          `json:"token_endpoint_auth_signing_alg,omitempty"`
	JWKS            json.RawMessage `json:"jwks,omitempty"`
	JWKSURI         string          `json:"jwks_uri,omitempty"`
	DPoPBound       bool            `json:"dpop_bound_access_tokens"`
	SubjectType     string          `json:"subject_type,omitempty"`
	// What this server does not do.
	MTLS              bool     `json:"tls_client_certificate_bound_access_tokens,omitempty"`
	Encrypted         string   `json:"authorization_encrypted_response_enc,omitempty"`
	Details           []string `json:"authorization_details_types,omitempty"`
	DefaultMaxAge     any      `json:"default_max_age,omitempty"`
	IDTokenAlg        string   `json:"id_token_signed_response_alg,omitempty"`
	UserInfoAlg       string   `json:"userinfo_signed_response_alg,omitempty"`
	UserInfoEncrypted string   `json:"userinfo_encrypted_response_alg,omitempty"`
}

// parse reads a description and fills in what the standard says of its absence.
func parse(doc []byte) (Metadata, error) {
	var m Metadata
	if err := json.Unmarshal(doc, &m); err != nil {
		return m, badMetadata("client metadata is not what it should be: " + plain(err))
	}
	for field, def := range map[*[]string]string{&m.ResponseTypes: "code", &m.GrantTypes: "authorization_code"} {
		if len(*field) == 0 {
			*field = []string{def}
		}
	}
	for field, def := range map[*string]string{&m.ApplicationType: "web", &m.AuthMethod: "client_secret_basic", &m.SubjectType: "public"} {
		if *field == "" {
			*field = def
		}
	}
	return m, nil
}

// plain is an error of the JSON decoder without what the document says.
func plain(err error) string {
	var t *json.UnmarshalTypeError
	if errors.As(err, &t) {
		return fmt.Sprintf("%s must not be a %s", t.Field, t.Value)
	}
	return "malformed JSON"
}

// check holds a description to the rules of the network and of this server.
func (m Metadata) check(id string) error {
	scopes := strings.Fields(m.Scope)
	switch {
	case m.ClientID != id:
		return badMetadata("client_id does not match")
	case len(m.JWKS) > 0 && m.JWKSURI != "":
		return badMetadata("jwks_uri and jwks are mutually exclusive")
	case m.DefaultMaxAge != nil || m.IDTokenAlg != "" || m.UserInfoAlg != "" || m.UserInfoEncrypted != "":
		return badMetadata("OpenID Connect is not supported")
	case len(scopes) == 0:
		return badMetadata("Missing scope property")
	case !slices.Contains(scopes, "atproto"):
		return badMetadata(`Missing "atproto" scope`)
	case twice(scopes) != "":
		return badMetadata(fmt.Sprintf("Duplicate scope %q", twice(scopes)))
	case twice(m.GrantTypes) != "":
		return badMetadata(fmt.Sprintf("Duplicate grant type %q", twice(m.GrantTypes)))
	case m.SubjectType != "" && m.SubjectType != "public":
		return badMetadata(`Only "public" subject_type is supported`)
	case m.Encrypted != "":
		return badMetadata("Encrypted authorization response is not supported")
	case m.MTLS:
		return badMetadata("Mutual-TLS bound access tokens are not supported")
	case len(m.Details) > 0:
		return badMetadata("authorization_details_types are not supported")
	case !m.DPoPBound:
		return badMetadata(`"dpop_bound_access_tokens" must be true`)
	case m.ApplicationType != "web" && m.ApplicationType != "native":
		return badMetadata(`application_type must be "web" or "native"`)
	}
	for _, g := range m.GrantTypes {
		if g != "authorization_code" && g != "refresh_token" {
			return badMetadata(fmt.Sprintf("Grant type %q is not supported", g))
		}
	}
	switch {
	case !slices.Contains(m.ResponseTypes, "code"):
		return badMetadata(`response_types must include "code"`)
	case !slices.Contains(m.GrantTypes, "authorization_code"):
		return badMetadata(`The "code" response type requires that "grant_types" contains "authorization_code"`)
	}
	if err := m.checkAuth(); err != nil {
		return err
	}
	return m.checkLinks(id)
}

// checkAuth judges how the client proves who it is.
func (m Metadata) checkAuth() error {
	switch m.AuthMethod {
	case "none":
		if m.AuthAlg != "" {
			return badMetadata(`token_endpoint_auth_method "none" must not have token_endpoint_auth_signing_alg`)
		}
	case "private_key_jwt":
		switch {
		case len(m.JWKS) == 0 && m.JWKSURI == "":
			return badMetadata("private_key_jwt auth method requires jwks or jwks_uri")
		case m.AuthAlg == "":
			return badMetadata("Missing token_endpoint_auth_signing_alg client metadata")
		case m.ApplicationType == "native":
			return badMetadata(`Native clients must authenticate using "none" method`)
		}
		if m.JWKSURI != "" {
			u, err := url.Parse(m.JWKSURI)
			if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
				return badMetadata("jwks_uri must be an https URL")
			}
		}
	default:
		return badMetadata(fmt.Sprintf(`Unsupported client authentication method %q. Make sure "token_endpoint_auth_method" is set to one of: "none", "private_key_jwt"`, m.AuthMethod))
	}
	return nil
}

// checkLinks judges what people are shown and where they are sent.
func (m Metadata) checkLinks(id string) error {
	for name, link := range map[string]string{"client_uri": m.URI, "logo_uri": m.LogoURI, "policy_uri": m.PolicyURI, "tos_uri": m.TermsURI} {
		if u, err := url.Parse(link); link != "" && (err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil) {
			return badMetadata(name + " must be an https URL") // never javascript: or data:
		}
	}
	if len(m.RedirectURIs) == 0 {
		return badMetadata("At least one redirect_uri is required")
	}
	var own *url.URL
	if isLoopback(id) {
		if m.URI != "" {
			return badMetadata("client_uri is not allowed for loopback clients")
		}
	} else {
		var err error
		if own, err = checkID(id); err != nil {
			return err
		}
		if m.URI != "" {
			u, _ := url.Parse(m.URI)
			switch {
			case u.Scheme != own.Scheme || !strings.EqualFold(u.Host, own.Host):
				return badMetadata("client_uri must have the same origin as the client_id")
			case !parentOf(u.Path, own.Path):
				return badMetadata("client_uri must be a parent URL of the client_id")
			}
		}
	}
	for _, r := range m.RedirectURIs {
		if err := m.checkRedirect(r, own); err != nil {
			return err
		}
	}
	return nil
}

// twice finds a value that is listed more than once.
func twice(values []string) string {
	for i, v := range values {
		if slices.Contains(values[i+1:], v) {
			return v
		}
	}
	return ""
}
