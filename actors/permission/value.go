package permission

import (
	"slices"
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// Value is one scope that this server understands: a Static, Repo, RPC, Blob,
// Account, Identity or Include.
type Value interface {
	// String is the value in its one normal form.
	String() string
}

// Static is a scope without parts.
type Static string

// The scopes without parts.
const (
	Atproto           Static = "atproto"
	TransitionGeneric Static = "transition:generic"
	TransitionEmail   Static = "transition:email"
	TransitionChat    Static = "transition:chat.bsky"
)

// Any stands for every collection, method, audience or identity attribute.
const Any = "*"

// Action is what a Repo or an Account allows.
type Action string

// The actions: three on records, two on the account.
const (
	Create Action = "create"
	Update Action = "update"
	Delete Action = "delete"
	Read   Action = "read"
	Manage Action = "manage" // includes Read
)

var recordActions = []Action{Create, Update, Delete}

// Repo allows changes of records.
type Repo struct {
	Collections []string // NSIDs, or Any alone
	Actions     []Action // in the order create, update, delete; never empty
}

// RPC allows calls to services on the account's behalf.
type RPC struct {
	Methods  []string // NSIDs, or Any alone
	Audience string   // did#service or Any; not Any with Any
}

// Blob allows uploads.
type Blob struct{ Accept []string } // "type/subtype", "type/*" or "*/*"

// Account allows to see, or change, something of the account.
type Account struct {
	Attr   string // "email", "repo" or "status"
	Action Action
}

// Identity allows changes of the DID document.
type Identity struct{ Attr string } // "handle" or Any

// Include asks for a set of permissions that is published as a lexicon.
type Include struct {
	NSID     syntax.NSID
	Audience string // did#service for the RPCs that leave it open; "": none
}

// Parse reads one scope value. It is false for a value that is not understood
// in every part.
func Parse(value string) (Value, bool) {
	switch s := Static(value); s {
	case Atproto, TransitionGeneric, TransitionEmail, TransitionChat:
		return s, true
	}
	w, ok := read(value)
	if !ok {
		return nil, false
	}
	return w.value()
}

func (w written) value() (v Value, ok bool) {
	switch w.resource {
	case "repo":
		return w.repo()
	case "rpc":
		return w.rpc()
	case "blob":
		return w.blob()
	case "account":
		return w.account()
	case "identity":
		attr := w.all("attr")
		return Identity{first(attr)}, w.only("attr") && len(attr) == 1 && (attr[0] == "handle" || attr[0] == Any)
	case "include":
		nsid := w.all("nsid")
		aud, given, ok := w.one("aud")
		ok = ok && w.only("nsid", "aud") && len(nsid) == 1 && isNSID(nsid[0]) && (!given || isService(aud))
		return Include{syntax.NSID(first(nsid)), aud}, ok
	}
	return nil, false
}

func (w written) repo() (Repo, bool) {
	r := Repo{Collections: w.all("collection"), Actions: recordActions}
	if !w.only("collection", "action") || len(r.Collections) == 0 || !every(r.Collections, isAnyOrNSID) {
		return r, false
	}
	r.Collections = narrow(r.Collections)
	if given := w.values["action"]; given != nil {
		if !every(given, func(a string) bool { return slices.Contains(recordActions, Action(a)) }) {
			return r, false
		}
		r.Actions = nil
		for _, a := range recordActions {
			if slices.Contains(given, string(a)) {
				r.Actions = append(r.Actions, a)
			}
		}
	}
	return r, true
}

func (w written) rpc() (RPC, bool) {
	r := RPC{Methods: w.all("lxm")}
	var given, ok bool
	r.Audience, given, ok = w.one("aud")
	if !ok || !given || !w.only("lxm", "aud") || len(r.Methods) == 0 || !every(r.Methods, isAnyOrNSID) {
		return r, false
	}
	r.Methods = narrow(r.Methods)
	everything := r.Audience == Any && r.Methods[0] == Any
	return r, !everything && (r.Audience == Any || isService(r.Audience))
}

func (w written) blob() (Blob, bool) {
	accept := w.all("accept")
	if !w.only("accept") || len(accept) == 0 || !every(accept, isAccept) {
		return Blob{}, false
	}
	if slices.Contains(accept, "*/*") {
		return Blob{[]string{"*/*"}}, true
	}
	for i := range accept {
		accept[i] = strings.ToLower(accept[i])
	}
	accept = distinct(accept)
	b := Blob{}
	for _, a := range accept {
		kind, _, _ := strings.Cut(a, "/")
		if all := kind + "/*"; a == all || !slices.Contains(accept, all) {
			b.Accept = append(b.Accept, a)
		}
	}
	return b, true
}

func (w written) account() (Account, bool) {
	attr := w.all("attr")
	if !w.only("attr", "action") || len(attr) != 1 || !slices.Contains([]string{"email", "repo", "status"}, attr[0]) {
		return Account{}, false
	}
	a := Account{Attr: attr[0], Action: Read}
	for _, v := range w.values["action"] {
		switch Action(v) {
		case Read:
		case Manage:
			a.Action = Manage
		default:
			return a, false
		}
	}
	return a, true
}

func (s Static) String() string { return string(s) }

func (r Repo) String() string {
	p := []param{{"collection", r.Collections}}
	if len(r.Actions) < len(recordActions) {
		actions := param{key: "action"}
		for _, a := range r.Actions {
			actions.values = append(actions.values, string(a))
		}
		p = append(p, actions)
	}
	return write("repo", p...)
}

func (r RPC) String() string {
	return write("rpc", param{"lxm", r.Methods}, param{"aud", []string{r.Audience}})
}

func (b Blob) String() string { return write("blob", param{"accept", b.Accept}) }

func (a Account) String() string {
	p := []param{{"attr", []string{a.Attr}}}
	if a.Action != Read {
		p = append(p, param{"action", []string{string(a.Action)}})
	}
	return write("account", p...)
}

func (i Identity) String() string { return write("identity", param{"attr", []string{i.Attr}}) }

func (i Include) String() string {
	p := []param{{"nsid", []string{i.NSID.String()}}}
	if i.Audience != "" {
		p = append(p, param{"aud", []string{i.Audience}})
	}
	return write("include", p...)
}

// narrow puts NSIDs into their one order; Any says all that they do.
func narrow(values []string) []string {
	if slices.Contains(values, Any) {
		return []string{Any}
	}
	return distinct(values)
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

func every(values []string, ok func(string) bool) bool {
	return !slices.ContainsFunc(values, func(v string) bool { return !ok(v) })
}
