package proxy

import (
	"net/http"

	"troupe/http/auth"
	"troupe/http/upstream"
	"troupe/http/xrpc"
)

// CatchAll passes on whatever has no route.
type CatchAll struct {
	Upstream *upstream.Client
	Verify   xrpc.Verifier[auth.Session]
}

func (h CatchAll) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := h.serve(w, r); err != nil {
		xrpc.Fail(r, err)
	}
}

// serve checks what a client relies on being checked, in the order in which it
// is: verb, method, target, credential, then what the credential is good for.
func (h CatchAll) serve(w http.ResponseWriter, r *http.Request) error {
	call := xrpc.CallOf(r.Context())
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
	default:
		return invalid("InvalidRequest", "XRPC requests only supports GET and POST")
	}
	if auth.Protected(call.NSID) {
		return errBadMethod
	}
	if _, err := h.Upstream.Named(call); err != nil {
		return err
	}
	who, err := h.Verify(call)
	if err != nil {
		return err
	}
	if auth.Privileged(call.NSID) && !who.Privileged() {
		return errBadMethod
	}
	to, err := h.Upstream.Target(r.Context(), call)
	if err != nil {
		return err
	}
	answer, err := h.Upstream.Pass(r.Context(), call, to, who.DID)
	if err != nil {
		return err
	}
	return answer.WriteTo(w)
}

// errBadMethod: no token is made for the method, or not for this session.
var errBadMethod = invalid("InvalidToken", "Bad token method")

func invalid(name, message string) *xrpc.Error {
	return &xrpc.Error{Status: http.StatusBadRequest, Name: name, Message: message}
}
