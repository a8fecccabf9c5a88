// Package proxy answers the methods that other services answer: everything
// without a route of its own, reports to moderators, push registrations, and
// feeds that somebody else makes.
//
// # What it is
//
// [CatchAll] is the Fallback of the XRPC server. [Moderation], [Notification] and
// [Feed] hold methods that are routes, because each has a rule of its own about
// whom it goes to or who may call it. How to ask, and what may leave and arrive,
// is the business of package http/upstream.
//
// # Ownership
//
// Nothing is kept between two requests.
//
// # Errors
//
// Those of http/upstream, and auth.ErrMissing and its like for who is nobody.
//
// # Design notes
//
// The caller is verified before the DID that he names is looked up, but after it
// is read: a header that makes no sense is told to everybody, the network is
// asked for nobody in particular. What a credential allows may depend on the
// target by its name (did#service), which is known by then.
//
// A request with atproto-proxy for a method that has a route is answered by the
// route. Preferences, reports and the views of package http/bsky honour the
// header themselves.
package proxy
