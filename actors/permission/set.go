package permission

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// Set is what somebody was granted.
type Set struct{ values []Value }

// ParseSet reads the scope of a token: values separated by spaces. What is not
// understood grants nothing and is left out.
func ParseSet(scope string) Set {
	var s Set
	for _, v := range strings.Fields(scope) {
		if p, ok := Parse(v); ok {
			s.values = append(s.values, p)
		}
	}
	return s
}

// SetOf makes a set of values.
func SetOf(values ...Value) Set { return Set{values} }

// Values are the parts of the set.
func (s Set) Values() []Value { return s.values }

// String is the set in its one normal form: sorted, without doubles.
func (s Set) String() string {
	out := make([]string, len(s.values))
	for i, v := range s.values {
		out[i] = v.String()
	}
	return strings.Join(distinct(out), " ")
}

// Has reports whether a scope without parts was granted.
func (s Set) Has(static Static) bool { return slices.Contains(s.values, Value(static)) }

// Missing refuses a call for want of a permission.
type Missing struct{ Scope string }

func (e Missing) Error() string { return fmt.Sprintf("Missing required scope %q", e.Scope) }

// Repo asks for an action on records of a collection. Its error is Missing.
func (s Set) Repo(a Action, collection syntax.NSID) error {
	if s.Has(TransitionGeneric) || some(s, func(r Repo) bool {
		return slices.Contains(r.Actions, a) && covers(r.Collections, collection.String())
	}) {
		return nil
	}
	return Missing{Repo{Collections: []string{collection.String()}, Actions: []Action{a}}.String()}
}

// chat begins the methods of private conversations, which the generic
// transition leaves out.
const chat = "chat.bsky."

// RPC asks for calls of a method (or Any) of a service, did#id. Its error is Missing.
func (s Set) RPC(method, audience string) error {
	private := strings.HasPrefix(strings.ToLower(method), chat)
	switch {
	case s.Has(TransitionGeneric) && !private:
		return nil
	case s.Has(TransitionChat) && private:
		return nil
	case some(s, func(r RPC) bool {
		return (r.Audience == Any || r.Audience == audience) && covers(r.Methods, method)
	}):
		return nil
	}
	return Missing{RPC{Methods: []string{method}, Audience: audience}.String()}
}

// Blob asks for an upload of a type. Its error is Missing.
func (s Set) Blob(mime string) error {
	if s.Has(TransitionGeneric) || isMIME(mime) && some(s, func(b Blob) bool { return b.allows(mime) }) {
		return nil
	}
	return Missing{Blob{[]string{mime}}.String()}
}

func (b Blob) allows(mime string) bool {
	mime = strings.ToLower(mime)
	return slices.ContainsFunc(b.Accept, func(a string) bool {
		all, wild := strings.CutSuffix(a, Any)
		return a == "*/*" || a == mime || wild && strings.HasPrefix(mime, all)
	})
}

// Account asks to read or manage something of the account. Its error is Missing.
func (s Set) Account(attr string, a Action) error {
	if attr == "email" && a == Read && s.Has(TransitionEmail) || some(s, func(p Account) bool {
		return p.Attr == attr && (p.Action == Manage || p.Action == a)
	}) {
		return nil
	}
	return Missing{Account{attr, a}.String()}
}

// Identity asks to change the handle, or Any part of the DID document. Its
// error is Missing.
func (s Set) Identity(attr string) error {
	if some(s, func(p Identity) bool { return p.Attr == Any || p.Attr == attr }) {
		return nil
	}
	return Missing{Identity{attr}.String()}
}

// covers reports whether NSIDs, or Any, take in another.
func covers(names []string, name string) bool {
	return slices.Contains(names, name) || slices.Contains(names, Any)
}

func some[V Value](s Set, ok func(V) bool) bool {
	return slices.ContainsFunc(s.values, func(v Value) bool {
		p, is := v.(V)
		return is && ok(p)
	})
}
