package bsky

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/lexicon"
	"troupe/actors/repo"
	"troupe/storage/dag"
)

// The collections that are overlaid.
const (
	postCollection    syntax.NSID = "app.bsky.feed.post"
	profileCollection syntax.NSID = "app.bsky.actor.profile"
)

// maxRecent is how many new posts are overlaid, the newest ones.
const maxRecent = 10

// local is what an account wrote that the app view has not seen.
type local struct {
	posts   []post   // oldest first
	profile *profile // as it is now; nil: there is none
	fresh   bool     // and the app view has not seen it
	oldest  time.Time
}

// post is one of the account's own posts.
type post struct {
	uri       string
	cid       string
	indexedAt time.Time
	value     json.RawMessage // the record
	Embed     json.RawMessage `json:"embed"`
	Reply     *struct {
		Root   strongRef `json:"root"`
		Parent strongRef `json:"parent"`
	} `json:"reply"`
}

type strongRef struct {
	URI string `json:"uri"`
}

// root is the post that a reply goes back to; "" for one that is no reply.
func (p post) root() string {
	if p.Reply == nil {
		return ""
	}
	return p.Reply.Root.URI
}

func (p post) parent() string {
	if p.Reply == nil {
		return ""
	}
	return p.Reply.Parent.URI
}

// profile is the account's profile record.
type profile struct {
	DisplayName *string         `json:"displayName"`
	Description *string         `json:"description"`
	Pronouns    *string         `json:"pronouns"`
	Website     *string         `json:"website"`
	Avatar      *blob           `json:"avatar"`
	Banner      *blob           `json:"banner"`
	PinnedPost  json.RawMessage `json:"pinnedPost"`
}

// blob is a reference to a blob, of today's form or of the one before.
type blob struct {
	Ref struct {
		Link string `json:"$link"`
	} `json:"ref"`
	Legacy string `json:"cid"`
}

func (b blob) cid() string {
	if b.Ref.Link != "" {
		return b.Ref.Link
	}
	return b.Legacy
}

// localOf reads what an actor found. Records that are not what their lexicon
// says are left out: the app view will not show them either.
func localOf(did syntax.DID, found repo.Recent, catalog *lexicon.Catalog) (l local) {
	note := func(at time.Time) {
		if l.oldest.IsZero() || at.Before(l.oldest) {
			l.oldest = at
		}
	}
	if p := found.Profile; p != nil {
		var read profile
		if _, err := valid(*p, catalog, &read); err == nil {
			l.profile, l.fresh = &read, found.Fresh
		}
		if l.fresh {
			note(p.IndexedAt)
		}
	}
	for _, r := range found.Records {
		p := post{uri: fmt.Sprintf("at://%s/%s/%s", did, r.Collection, r.RKey), cid: r.CID.String(), indexedAt: r.IndexedAt}
		value, err := valid(r, catalog, &p)
		if err != nil {
			continue
		}
		p.value = value
		l.posts = append(l.posts, p)
		note(r.IndexedAt)
	}
	return l
}

// valid checks a record and reads it into a value. It returns it as JSON.
func valid(r repo.Record, catalog *lexicon.Catalog, into any) (json.RawMessage, error) {
	decoded, err := dag.Decode(r.Bytes)
	if err == nil {
		err = catalog.CheckRecord(r.Collection, r.RKey, decoded)
	}
	if err != nil {
		return nil, err
	}
	text, err := dag.AppendJSON(nil, r.Bytes)
	if err != nil {
		return nil, err
	}
	return text, json.Unmarshal(text, into)
}

// instant is a time as the app view writes it.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
