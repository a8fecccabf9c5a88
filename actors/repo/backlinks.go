package repo

import (
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/dag"
)

// Collections in which an account wants one record per subject, and where the
// subject stands in the record (reference behaviour: createRecord replaces).
const (
	collectionFollow syntax.NSID = "app.bsky.graph.follow"
	collectionBlock  syntax.NSID = "app.bsky.graph.block"
	collectionLike   syntax.NSID = "app.bsky.feed.like"
	collectionRepost syntax.NSID = "app.bsky.feed.repost"
)

// subjectOf returns what a record points at: a DID, an AT-URI, or "" if the
// collection is not tracked or the subject is malformed.
func subjectOf(collection syntax.NSID, record []byte) string {
	switch collection {
	case collectionFollow, collectionBlock:
		s := textAt(record, "subject")
		if _, err := syntax.ParseDID(s); err == nil {
			return s
		}
	case collectionLike, collectionRepost:
		s := textAt(record, "subject", "uri")
		if strings.HasPrefix(s, "at://") {
			if _, err := syntax.ParseATURI(s); err == nil {
				return s
			}
		}
	}
	return ""
}

// textAt walks map keys and returns the text they lead to, or "".
func textAt(b []byte, path ...string) string {
	r := dag.NewReader(b)
	for {
		n, err := r.Map()
		if err != nil {
			return ""
		}
		found := false
		for range n {
			key, err := r.Key()
			if err != nil {
				return ""
			}
			if key == path[0] {
				found = true
				break
			}
			if r.Skip() != nil {
				return ""
			}
		}
		if !found {
			return ""
		}
		if path = path[1:]; len(path) == 0 {
			s, err := r.Text()
			if err != nil {
				return ""
			}
			return s
		}
	}
}
