package bsky

import (
	"encoding/json"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// embeds renders what posts hold beside their text, the way the app view would.
type embeds struct {
	did    syntax.DID // whose blobs they are
	urls   URLs
	quotes map[string]json.RawMessage // what quoted records look like, by URI
}

// The types of embeds. A view has the same with #view behind it.
const (
	embedImages   = "app.bsky.embed.images"
	embedVideo    = "app.bsky.embed.video"
	embedGallery  = "app.bsky.embed.gallery"
	embedExternal = "app.bsky.embed.external"
	embedRecord   = "app.bsky.embed.record"
	embedBoth     = "app.bsky.embed.recordWithMedia"
)

type typed struct {
	Type string `json:"$type"`
}

func typeOf(raw json.RawMessage) string {
	var t typed
	_ = json.Unmarshal(raw, &t) // of another shape: of no type
	return t.Type
}

// quoted is the URI of the record that an embed quotes; "" if it quotes none.
func quoted(embed json.RawMessage) string {
	var e struct {
		Record json.RawMessage `json:"record"`
	}
	var ref strongRef
	switch typeOf(embed) {
	case embedRecord:
		_ = json.Unmarshal(embed, &e)
		_ = json.Unmarshal(e.Record, &ref)
	case embedBoth:
		_ = json.Unmarshal(embed, &e)
		_ = json.Unmarshal(e.Record, &e)
		_ = json.Unmarshal(e.Record, &ref)
	}
	return ref.URI
}

// view renders an embed; nil is one of a type that nobody here knows.
func (e embeds) view(embed json.RawMessage) (json.RawMessage, error) {
	switch typeOf(embed) {
	case embedRecord:
		return encode(recordView{typed{embedRecord + "#view"}, e.quote(quoted(embed))})
	case embedBoth:
		var both struct {
			Media json.RawMessage `json:"media"`
		}
		if err := json.Unmarshal(embed, &both); err != nil {
			return nil, err
		}
		media, err := e.media(both.Media)
		if err != nil || media == nil {
			return nil, err
		}
		record := recordView{typed{embedRecord + "#view"}, e.quote(quoted(embed))}
		return encode(struct {
			typed
			Record recordView      `json:"record"`
			Media  json.RawMessage `json:"media"`
		}{typed{embedBoth + "#view"}, record, media})
	default:
		return e.media(embed)
	}
}

type recordView struct {
	typed
	Record json.RawMessage `json:"record"`
}

// quote is a quoted record as it was fetched, or the note that it is not there.
func (e embeds) quote(uri string) json.RawMessage {
	if view := e.quotes[uri]; view != nil {
		return view
	}
	gone, _ := encode(struct {
		typed
		URI      string `json:"uri"`
		NotFound bool   `json:"notFound"`
	}{typed{embedRecord + "#viewNotFound"}, uri, true})
	return gone
}

// media renders an embed that shows something of its own.
func (e embeds) media(embed json.RawMessage) (json.RawMessage, error) {
	switch typeOf(embed) {
	case embedImages:
		return e.images(embed)
	case embedVideo:
		return e.video(embed)
	case embedGallery:
		return e.gallery(embed)
	case embedExternal:
		return e.external(embed)
	}
	return nil, nil
}

type image struct {
	typed
	Image       blob            `json:"image"`
	Alt         string          `json:"alt"`
	AspectRatio json.RawMessage `json:"aspectRatio"`
}

func (e embeds) images(embed json.RawMessage) (json.RawMessage, error) {
	var in struct {
		Images []image `json:"images"`
	}
	if err := json.Unmarshal(embed, &in); err != nil {
		return nil, err
	}
	type view struct {
		Thumb       string          `json:"thumb"`
		Fullsize    string          `json:"fullsize"`
		Alt         string          `json:"alt"`
		AspectRatio json.RawMessage `json:"aspectRatio,omitempty"`
	}
	views := []view{}
	for _, i := range in.Images {
		views = append(views, view{e.urls.image(thumbnailPreset, e.did, i.Image), e.urls.image(fullsizePreset, e.did, i.Image), i.Alt, i.AspectRatio})
	}
	return encode(struct {
		typed
		Images []view `json:"images"`
	}{typed{embedImages + "#view"}, views})
}

// gallery renders the items that are images; others are of types yet to come.
func (e embeds) gallery(embed json.RawMessage) (json.RawMessage, error) {
	var in struct {
		Items []image `json:"items"`
	}
	if err := json.Unmarshal(embed, &in); err != nil {
		return nil, err
	}
	type view struct {
		typed
		Thumbnail   string          `json:"thumbnail"`
		Fullsize    string          `json:"fullsize"`
		Alt         string          `json:"alt"`
		AspectRatio json.RawMessage `json:"aspectRatio,omitempty"`
	}
	views := []view{}
	for _, i := range in.Items {
		if i.Type != embedGallery+"#image" {
			continue
		}
		views = append(views, view{
			typed{embedGallery + "#viewImage"},
			e.urls.image(thumbnailPreset, e.did, i.Image), e.urls.image(fullsizePreset, e.did, i.Image), i.Alt, i.AspectRatio,
		})
	}
	return encode(struct {
		typed
		Items []view `json:"items"`
	}{typed{embedGallery + "#view"}, views})
}

func (e embeds) video(embed json.RawMessage) (json.RawMessage, error) {
	var in struct {
		Video        blob            `json:"video"`
		Alt          *string         `json:"alt"`
		AspectRatio  json.RawMessage `json:"aspectRatio"`
		Presentation *string         `json:"presentation"`
	}
	if err := json.Unmarshal(embed, &in); err != nil {
		return nil, err
	}
	out := struct {
		typed
		CID          string          `json:"cid"`
		Playlist     string          `json:"playlist"`
		Thumbnail    string          `json:"thumbnail,omitempty"`
		Alt          *string         `json:"alt,omitempty"`
		AspectRatio  json.RawMessage `json:"aspectRatio,omitempty"`
		Presentation *string         `json:"presentation,omitempty"`
	}{
		typed: typed{embedVideo + "#view"}, CID: in.Video.cid(), Playlist: e.urls.playlist(e.did, in.Video),
		Alt: in.Alt, AspectRatio: in.AspectRatio, Presentation: in.Presentation,
	}
	if e.urls.Thumbnail != "" {
		out.Thumbnail = fill(e.urls.Thumbnail, e.did.String(), in.Video.cid())
	}
	return encode(out)
}

func (e embeds) external(embed json.RawMessage) (json.RawMessage, error) {
	var in struct {
		External struct {
			URI            string          `json:"uri"`
			Title          string          `json:"title"`
			Description    string          `json:"description"`
			Thumb          *blob           `json:"thumb"`
			AssociatedRefs json.RawMessage `json:"associatedRefs"`
		} `json:"external"`
	}
	if err := json.Unmarshal(embed, &in); err != nil {
		return nil, err
	}
	type view struct {
		URI            string          `json:"uri"`
		Title          string          `json:"title"`
		Description    string          `json:"description"`
		Thumb          string          `json:"thumb,omitempty"`
		AssociatedRefs json.RawMessage `json:"associatedRefs,omitempty"`
	}
	x := in.External
	v := view{URI: x.URI, Title: x.Title, Description: x.Description, AssociatedRefs: x.AssociatedRefs}
	if x.Thumb != nil {
		v.Thumb = e.urls.image(thumbnailPreset, e.did, *x.Thumb)
	}
	return encode(struct {
		typed
		External view `json:"external"`
	}{typed{embedExternal + "#view"}, v})
}
