package bsky

import (
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// URLs says where clients find the pictures and videos of an account.
type URLs struct {
	// CDN is a pattern in which preset, DID and CID take the place of one %s each; "": there is none.
	CDN string
	// Playlist and Thumbnail are patterns for videos, with a %s for the DID and one for the CID; "": there is none.
	Playlist, Thumbnail string
	// Server is the URL of this server, where all of them can be had as they were uploaded.
	Server string
}

// The presets of a CDN.
const (
	avatarPreset    = "avatar"
	bannerPreset    = "banner"
	thumbnailPreset = "feed_thumbnail"
	fullsizePreset  = "feed_fullsize"
)

func (u URLs) image(preset string, did syntax.DID, b blob) string {
	if u.CDN == "" {
		return u.blob(did, b)
	}
	return fill(u.CDN, preset, did.String(), b.cid())
}

func (u URLs) playlist(did syntax.DID, b blob) string {
	if u.Playlist == "" {
		return u.blob(did, b)
	}
	return fill(u.Playlist, did.String(), b.cid())
}

// blob is where this server gives out a blob as it was uploaded.
func (u URLs) blob(did syntax.DID, b blob) string {
	// Of what a DID may hold only an escape would be read as something else.
	escaped := strings.ReplaceAll(did.String(), "%", "%25")
	return u.Server + "/xrpc/com.atproto.sync.getBlob?did=" + escaped + "&cid=" + b.cid()
}

// fill puts each value in the place of the next %s.
func fill(pattern string, values ...string) string {
	var b strings.Builder
	for _, v := range values {
		before, after, _ := strings.Cut(pattern, "%s")
		b.WriteString(before)
		b.WriteString(v)
		pattern = after
	}
	b.WriteString(pattern)
	return b.String()
}
