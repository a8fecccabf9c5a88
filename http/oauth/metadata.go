package oauth

import "troupe/http/dpop"

// metadata describes the authorization server (RFC 8414, and
// atproto.com/specs/oauth, "Authorization Servers").
func (s *Server) metadata() map[string]any {
	return map[string]any{
		"issuer":                                           s.Issuer,
		"scopes_supported":                                 []string{"atproto", "transition:email", "transition:generic", "transition:chat.bsky"},
		"subject_types_supported":                          []string{"public"},
		"response_types_supported":                         []string{"code"},
		"response_modes_supported":                         []string{"query", "fragment", "form_post"},
		"grant_types_supported":                            []string{"authorization_code", "refresh_token"},
		"code_challenge_methods_supported":                 []string{"S256"},
		"ui_locales_supported":                             []string{"en-US"},
		"display_values_supported":                         []string{"page", "popup", "touch"},
		"prompt_values_supported":                          []string{"none", "login", "consent", "select_account", "create"},
		"jwks_uri":                                         s.Issuer + "/oauth/jwks",
		"authorization_endpoint":                           s.Issuer + "/oauth/authorize",
		"token_endpoint":                                   s.Issuer + "/oauth/token",
		"revocation_endpoint":                              s.Issuer + "/oauth/revoke",
		"pushed_authorization_request_endpoint":            s.Issuer + "/oauth/par",
		"require_pushed_authorization_requests":            true,
		"authorization_response_iss_parameter_supported":   true,
		"request_parameter_supported":                      false,
		"request_uri_parameter_supported":                  true,
		"require_request_uri_registration":                 true,
		"token_endpoint_auth_methods_supported":            []string{"none", "private_key_jwt"},
		"token_endpoint_auth_signing_alg_values_supported": dpop.Algorithms,
		"dpop_signing_alg_values_supported":                dpop.Algorithms,
		"protected_resources":                              []string{s.Issuer},
		"client_id_metadata_document_supported":            true,
	}
}

// resource describes the server as what the tokens are for (RFC 9728).
func (s *Server) resource() map[string]any {
	return map[string]any{
		"resource":                 s.Issuer,
		"authorization_servers":    []string{s.Issuer},
		"scopes_supported":         []string{},
		"bearer_methods_supported": []string{"header"},
		"resource_documentation":   "https://atproto.com",
	}
}
