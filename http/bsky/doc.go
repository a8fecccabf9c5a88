// Package bsky holds the methods of app.bsky.* that need this server: the private
// preferences of an account, and views of the app view to which is added what the
// account wrote since the app view last looked (read after write).
//
// # What it is
//
// [Actor] and [Feed] hold a method per NSID. The preferences are the repo actor's;
// here is only who may ask and how they look on the wire.
//
// A view goes this way (overlay.go):
//
//	forward       the call, as it came, to the app view           http/upstream
//	lag           Atproto-Repo-Rev of the answer: what it has seen
//	local         what the account wrote since                    repo.ReadRecent
//	change        the account's profile, posts and replies put in   profile.go feed.go thread.go
//	              rendered as the app view will render them        view.go embed.go quote.go
//
// Nothing new, which is nearly always: the answer is handed through unread. A post
// that the app view does not know at all has its thread made here.
//
// # Ownership
//
// Nothing is kept between two requests. The answer that is being changed belongs
// to its request; its size is bounded by PDS_PROXY_MAX_RESPONSE_SIZE, decoded, and
// only one of at most 4 MiB is changed.
//
// # On disk
//
// Nothing.
//
// # Errors
//
// Those of http/upstream and of the repo actor. Whatever goes wrong while an answer
// is changed is logged, and the client gets the answer as it came.
//
// # Design notes
//
// An answer is taken apart only where something changes: members that are not
// touched keep their bytes, whether a lexicon knows them or not. Decoding into
// types and encoding again was rejected: it drops what a newer app view adds.
//
// Only what is made here is held to the lexicon, before it is put in. Checking the
// whole answer, as the reference does, costs more than all the rest together and
// refuses threads that are deeper than a record may be.
//
// What is new is asked of the owner in one short turn; fetching quoted posts and
// putting it all together happens outside of it.
//
// A post goes where the feed's order puts it, and only into the page on which that
// is: not on top of every page that is continued by a cursor. It respects the
// filter of an author feed, and is left out if the app view shows it already.
// Whose feed it is says the request, not the first item of the answer: an empty
// feed, or one with a pinned post on top, is the account's own as well.
//
// The newest posts are overlaid and not the oldest unseen ones: whoever has just
// written something looks for that.
//
// A quoted record that the app view says it does not have is shown as not found;
// one that could not be asked for leaves the whole answer as it came. A quoted
// post of the account's own that is just as new is rendered here.
//
// Videos are shown by PDS_BSKY_APP_VIEW_VIDEO_PLAYLIST_URL_PATTERN. Without it they
// are what was uploaded, which players of mp4 can show and those of playlists cannot.
package bsky
