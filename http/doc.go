// Package http is the wire: it joins the route table, the error table and the
// plain pages into one server. No rule of the domain is here.
//
// # Ownership
//
// The listener and the connections. Everything else is asked of actors.
//
// # Errors
//
// errors.go is the one place where an error becomes a status and an XRPC name.
//
// # Design notes
//
// routes.go shows the whole surface, one line a method, sorted. A test
// compares it with the lexicon catalog, both ways. How often a method may be
// called stands there too, after what answers it: rate.ByAccount(rate.PerHour(5))
// and the like; troupe/http/rate counts. What has no line is passed on to another
// service (troupe/http/proxy), if there is one and the caller has an account here.
package http
