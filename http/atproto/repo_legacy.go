package atproto

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/actors/mailbox"
	"troupe/actors/repo"
)

const collectionProfile syntax.NSID = "app.bsky.actor.profile"

// upgradeProfile rewrites the older form of blob references in a profile that
// replaces one. Old profiles hold {cid, mimeType}, and clients send back what
// they have read; everywhere else that form is refused.
func (s *Service) upgradeProfile(ctx context.Context, did syntax.DID, in PutRecordIn) (json.RawMessage, error) {
	if in.Collection != collectionProfile {
		return in.Record, nil
	}
	var profile map[string]json.RawMessage
	if json.Unmarshal(in.Record, &profile) != nil {
		return in.Record, nil // whoever reads it next says what is wrong
	}
	upgraded := false
	for _, field := range []string{"avatar", "banner"} {
		c, mimeType, ok := legacyBlob(profile[field])
		if !ok {
			continue
		}
		if !upgraded {
			_, err := mailbox.Ask(ctx, s.repo(did), repo.GetRecord{Collection: in.Collection, RKey: in.RKey})
			if errors.Is(err, repo.ErrRecordNotFound) {
				return in.Record, nil
			} else if err != nil {
				return nil, err
			}
		}
		have, err := mailbox.Ask(ctx, s.repo(did), repo.InspectBlob{CID: c})
		if errors.Is(err, repo.ErrBlobNotFound) {
			err = repo.BlobProblem{CID: c, Reason: repo.BlobMissing}
		}
		if err != nil {
			return nil, err
		}
		if profile[field], err = json.Marshal(BlobRef{Type: "blob", Ref: Link{cidText(c)}, MimeType: mimeType, Size: have.Size}); err != nil {
			return nil, err
		}
		upgraded = true
	}
	if !upgraded {
		return in.Record, nil
	}
	return json.Marshal(profile)
}

// legacyBlob reads {cid, mimeType} and nothing more.
func legacyBlob(raw json.RawMessage) (c cid.Cid, mimeType string, ok bool) {
	var members map[string]string
	if len(raw) == 0 || json.Unmarshal(raw, &members) != nil || len(members) != 2 {
		return cid.Undef, "", false
	}
	c, err := cid.Decode(members["cid"])
	return c, members["mimeType"], err == nil && members["mimeType"] != ""
}
