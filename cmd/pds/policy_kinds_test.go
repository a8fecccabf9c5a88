package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
)

// A credential is what somebody sends along with a call of a method: values of
// the Authorization header. Most are made anew for each method, because a
// service token names it.
type credential struct {
	self   string // the account that the call is about: "alice", if it is not the credential's own
	header func(w *policyWorld, method string) []string
}

type jwtClaims = map[string]any

// with is a copy of c with other values; nil removes one.
func (w *policyWorld) with(c jwtClaims, pairs ...any) jwtClaims {
	changed := jwtClaims{}
	for k, v := range c {
		changed[k] = v
	}
	for i := 0; i < len(pairs); i += 2 {
		if changed[pairs[i].(string)] = pairs[i+1]; pairs[i+1] == nil {
			delete(changed, pairs[i].(string))
		}
	}
	return changed
}

func part(c jwtClaims) string {
	b, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// hs signs the way session tokens are signed.
func hs(header, body jwtClaims, secret []byte) string {
	signed := part(header) + "." + part(body)
	newHash := sha256.New
	if header["alg"] == "HS512" {
		newHash = sha512.New
	}
	mac := hmac.New(newHash, secret)
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// es signs the way accounts sign service tokens.
func es(header, body jwtClaims, key atcrypto.PrivateKey) string {
	signed := part(header) + "." + part(body)
	sig, err := key.HashAndSign([]byte(signed))
	if err != nil {
		panic(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(sig)
}

var (
	accessHeader  = jwtClaims{"typ": "at+jwt", "alg": "HS256"}
	refreshHeader = jwtClaims{"typ": "refresh+jwt", "alg": "HS256"}
	serviceHeader = jwtClaims{"typ": "JWT", "alg": "ES256K"}
)

func (w *policyWorld) accessClaims() jwtClaims {
	now := time.Now().Unix()
	return jwtClaims{"scope": "com.atproto.access", "aud": w.did, "sub": w.people["alice"].did, "iat": now, "exp": now + 3600}
}

func (w *policyWorld) refreshClaims() jwtClaims {
	return w.with(w.accessClaims(), "scope", "com.atproto.refresh", "jti", "nobody has been given this one")
}

// serviceClaims are those of a token that lets account act on method here.
func (w *policyWorld) serviceClaims(account, method string) jwtClaims {
	now := time.Now().Unix()
	return jwtClaims{"iss": w.people[account].did, "aud": w.did, "lxm": method, "iat": now, "exp": now + 60, "jti": "x"}
}

func fixed(values ...string) func(*policyWorld, string) []string {
	return func(*policyWorld, string) []string { return values }
}

// access is alice's access token with something wrong about it.
func access(change func(w *policyWorld, header, body jwtClaims) (jwtClaims, jwtClaims, []byte)) credential {
	return credential{header: func(w *policyWorld, _ string) []string {
		header, body, secret := change(w, accessHeader, w.accessClaims())
		if secret == nil {
			secret = []byte(w.secret)
		}
		token := hs(header, body, secret)
		if header["alg"] == "none" {
			token = token[:strings.LastIndex(token, ".")+1]
		}
		return []string{"Bearer " + token}
	}}
}

func accessBody(pairs ...any) credential {
	return access(func(w *policyWorld, h, b jwtClaims) (jwtClaims, jwtClaims, []byte) {
		return h, w.with(b, pairs...), nil
	})
}

func accessHead(pairs ...any) credential {
	return access(func(w *policyWorld, h, b jwtClaims) (jwtClaims, jwtClaims, []byte) {
		return w.with(h, pairs...), b, nil
	})
}

// session is a token that the server gave to an account.
func session(account, which string) credential {
	return credential{self: account, header: func(w *policyWorld, _ string) []string { return []string{"Bearer " + w.people[account].tokens[which]} }}
}

func refreshBody(pairs ...any) credential {
	return credential{header: func(w *policyWorld, _ string) []string {
		return []string{"Bearer " + hs(refreshHeader, w.with(w.refreshClaims(), pairs...), []byte(w.secret))}
	}}
}

func basicAuth(user, password string) credential {
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(user, password)
	return credential{header: fixed(r.Header.Get("Authorization"))}
}

// service is a service token of an account with other claims; key names whose
// key signs it.
func service(account, key string, pairs ...any) credential {
	self := account
	if account != "tess" && account != "dora" {
		self = "alice"
	}
	return credential{self: self, header: func(w *policyWorld, method string) []string {
		body := w.with(w.serviceClaims(account, method), pairs...)
		if suffix, ok := body["suffix"].(string); ok {
			body = w.with(body, "iss", body["iss"].(string)+suffix, "suffix", nil)
		}
		if named, ok := body["named"].(string); ok {
			body = w.with(body, "aud", w.did+named, "named", nil)
		}
		return []string{"Bearer " + es(serviceHeader, body, w.people[key].key)}
	}}
}

func serviceHead(pairs ...any) credential {
	return credential{header: func(w *policyWorld, method string) []string {
		return []string{"Bearer " + es(w.with(serviceHeader, pairs...), w.serviceClaims("alice", method), w.people["alice"].key)}
	}}
}

func past() int64 { return time.Now().Add(-time.Hour).Unix() }

// credentials are the kinds of policy.txt.
var credentials = map[string]credential{
	"none":       {header: fixed()},
	"empty":      {header: fixed("")},
	"bare":       {header: fixed("Bearer")},
	"text":       {header: fixed("Bearer abc")},
	"segments":   {header: fixed("Bearer a.b.c")},
	"huge":       {header: fixed("Bearer " + strings.Repeat("x", 20_000))},
	"dots":       {header: fixed("Bearer " + strings.Repeat(".", 20_000))}, // CVE-2025-30204: a parser that takes all of them apart
	"token-id":   {header: func(w *policyWorld, _ string) []string { return []string{"Bearer " + w.tokenID} }},
	"digest":     {header: fixed("Digest abc")},
	"dpop":       {header: fixed("DPoP abc")},
	"schemeless": {header: func(w *policyWorld, _ string) []string { return []string{w.people["alice"].tokens["access"]} }},
	"spaced": {header: func(w *policyWorld, _ string) []string {
		return []string{"Bearer  " + w.people["alice"].tokens["access"]}
	}},
	"trailing": {header: func(w *policyWorld, _ string) []string {
		return []string{"Bearer " + w.people["alice"].tokens["access"] + " x"}
	}},
	"twice": {header: func(w *policyWorld, _ string) []string {
		one := "Bearer " + w.people["alice"].tokens["access"]
		return []string{one, one}
	}},

	"access": session("alice", "access"),
	"lowercase": {header: func(w *policyWorld, _ string) []string {
		return []string{"bEARER " + w.people["alice"].tokens["access"]}
	}},
	"other": {self: "alice", header: func(w *policyWorld, _ string) []string {
		return []string{"Bearer " + w.people["bob"].tokens["access"]}
	}},
	"app":              session("alice", "app"),
	"app-privileged":   session("alice", "app-privileged"),
	"app-revoked":      session("alice", "app-revoked"),
	"takendown":        session("tess", "takendown"),
	"takendown-before": session("tess", "access"),
	"deactivated":      session("dora", "access"),
	"deleted":          session("gone", "access"),
	"queued":           accessBody("scope", "com.atproto.signupQueued"),

	"access-expired": accessBody("exp", past()),
	"access-exp0":    accessBody("exp", 0),
	"access-eternal": accessBody("exp", nil),
	"access-nbf":     accessBody("nbf", time.Now().Add(time.Hour).Unix()),
	"access-iat":     accessBody("iat", time.Now().Add(time.Hour).Unix()),
	"access-aud":     accessBody("aud", "did:web:elsewhere.test"),
	"access-audless": accessBody("aud", nil),
	"access-audlist": access(func(w *policyWorld, h, b jwtClaims) (jwtClaims, jwtClaims, []byte) {
		return h, w.with(b, "aud", []string{w.did, "did:web:elsewhere.test"}), nil
	}),
	"access-subless":   accessBody("sub", nil),
	"access-sub":       accessBody("sub", "alice.test"),
	"access-scope":     accessBody("scope", "com.atproto.everything"),
	"access-scopeless": accessBody("scope", nil),
	"access-scopes":    accessBody("scope", "com.atproto.access com.atproto.refresh"),
	"access-refresh":   accessBody("scope", "com.atproto.refresh", "jti", "x"),
	"access-lxm":       accessBody("lxm", "com.atproto.server.getSession"),
	"access-cnf":       accessBody("cnf", jwtClaims{"jkt": "x"}),
	"access-secret": access(func(_ *policyWorld, h, b jwtClaims) (jwtClaims, jwtClaims, []byte) {
		return h, b, []byte("another secret")
	}),
	"access-jku": access(func(w *policyWorld, h, b jwtClaims) (jwtClaims, jwtClaims, []byte) {
		return w.with(h, "jku", "https://elsewhere.test/keys", "kid", "x", "x5u", "https://elsewhere.test/cert"), b, []byte("another secret")
	}),
	"access-confused": access(func(w *policyWorld, h, b jwtClaims) (jwtClaims, jwtClaims, []byte) { return h, b, []byte(w.publicKey) }),
	"access-none":     accessHead("alg", "none"),
	"access-NONE":     accessHead("alg", "NoNe"),
	"access-hs512":    accessHead("alg", "HS512"),
	"access-typ":      accessHead("typ", "JWT"),
	"access-untyped":  accessHead("typ", nil),
	"access-crit":     accessHead("crit", []string{"exp"}),

	"refresh":         session("alice", "refresh"),
	"refresh-closed":  session("alice", "refresh-closed"),
	"refresh-tess":    session("tess", "refresh"),
	"refresh-gone":    session("gone", "refresh"),
	"refresh-unknown": refreshBody(),
	"refresh-expired": refreshBody("exp", past()),
	"refresh-jtiless": refreshBody("jti", nil),
	"refresh-aud":     refreshBody("aud", "did:web:elsewhere.test"),
	"refresh-scope":   refreshBody("scope", "com.atproto.access"),

	"admin":       basicAuth("admin", "policy-admin"),
	"admin-wrong": basicAuth("admin", "policy-Admin"),
	"admin-empty": basicAuth("admin", ""),
	"admin-long":  basicAuth("admin", "policy-admin:"),
	"admin-other": basicAuth("root", "policy-admin"),
	"admin-plain": {header: fixed("Basic admin:policy-admin")},

	"mod":         service("mod", "mod"),
	"mod-named":   service("mod", "mod", "named", "#atproto_pds"),
	"mod-lxm":     service("mod", "mod", "lxm", "com.atproto.server.describeServer"),
	"mod-lxmless": service("mod", "mod", "lxm", nil),
	"mod-aud":     service("mod", "mod", "aud", "did:web:elsewhere.test"),
	"mod-expired": service("mod", "mod", "exp", past()),
	"mod-key":     service("mod", "alice"),
	"mod-labeler": service("mod", "mod", "suffix", "#atproto_labeler"), // signed by the wrong one of its keys

	"service":             service("alice", "alice"),
	"service-named":       service("alice", "alice", "named", "#atproto_pds"),
	"service-foreign":     service("visitor", "visitor"),
	"service-tess":        service("tess", "tess"),
	"service-lxm":         service("alice", "alice", "lxm", "com.atproto.server.describeServer"),
	"service-lxmless":     service("alice", "alice", "lxm", nil),
	"service-aud":         service("alice", "alice", "aud", "did:web:elsewhere.test"),
	"service-named-other": service("alice", "alice", "named", "#bsky_appview"),
	"service-expired":     service("alice", "alice", "exp", past()),
	"service-eternal":     service("alice", "alice", "exp", nil),
	"service-key":         service("alice", "bob"),
	"service-nobody":      service("alice", "alice", "iss", "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"),
	"service-labeler":     service("alice", "alice", "suffix", "#atproto_labeler"),
	"service-fragment":    service("alice", "alice", "suffix", "#atproto"),
	"service-none":        serviceHead("alg", "none"),
	"service-es256":       serviceHead("alg", "ES256"),
	"service-typ":         serviceHead("typ", "at+jwt"),
	"service-crit":        serviceHead("crit", []string{"exp"}),
}
