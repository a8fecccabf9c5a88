// Package permission is the language in which apps ask for rights and tokens
// carry them: OAuth scopes as the network writes them (atproto.com/specs/permission,
// atproto.com/specs/oauth).
//
//	atproto                                      who somebody is; every app asks for it
//	transition:generic, :email, :chat.bsky       what app passwords could do
//	repo:<collection>[?action=create&action=…]   records
//	rpc:<method>?aud=<did#service>               calls to other services
//	blob:<type/subtype>                          uploads
//	account:<email|repo|status>[?action=manage]  the account here
//	identity:<handle|*>                          the DID document
//	include:<nsid>[?aud=<did#service>]           a set of repo and rpc, published as a lexicon
//
// [Parse] reads one value, [ParseSet] all of a token's. A value that is not
// understood as a whole gives nothing: a parameter that this version does not
// know could have narrowed it.
//
// # Ownership
//
// Everything is a value; nothing is kept.
//
// # Errors
//
// [Missing] names the scope that would have been enough.
//
// # Design notes
//
// Values are compared as they are written back by String: with one order of
// parameters, no duplicates, nothing that is the default, and the least possible
// percent-encoding. Apps, stored consents and tokens all go through it.
//
// A plus sign is a plus sign, also behind the question mark. Read as a space, as
// in forms, a type like image/svg+xml could not be written as a parameter.
package permission
