package resolver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/dag"
	"troupe/storage/lexdb"
)

const (
	maxDocuments = 16        // of one schema and what it refers to
	maxSchema    = 256 << 10 // bytes of JSON of these
	maxRequests  = 4         // time-outs that all requests of one look-up have together
)

// resolve asks the network for a record type and for what its schema refers to, and
// compiles it: all of it, or nothing. It blocks and runs outside turns.
func (o *Options) resolve(ctx context.Context, nsid syntax.NSID) (resolved, error) {
	r := resolved{Lexicon: lexdb.Lexicon{NSID: nsid}}
	wanted := []syntax.NSID{nsid}
	asked := map[syntax.NSID]bool{nsid: true}
	total := 0
	for len(wanted) > 0 {
		next := wanted[0]
		wanted = wanted[1:]
		did, rev, text, err := o.document(ctx, next)
		if err != nil {
			return resolved{}, fmt.Errorf("%s: %w", next, err)
		}
		if next == nsid {
			r.DID, r.Rev = did, rev
		}
		r.Documents = append(r.Documents, text)
		if total += len(text); total > maxSchema {
			return resolved{}, fmt.Errorf("%w: more than %d bytes", ErrSchema, maxSchema)
		}
		refs, err := o.Base.References(text)
		if err != nil {
			return resolved{}, fmt.Errorf("%w: %w", ErrSchema, err)
		}
		for _, ref := range refs {
			if asked[ref] {
				continue
			}
			if asked[ref] = true; len(asked) > maxDocuments {
				return resolved{}, fmt.Errorf("%w: it refers to more than %d documents", ErrSchema, maxDocuments)
			}
			wanted = append(wanted, ref)
		}
	}
	c, err := o.Base.Extend(r.Documents...)
	if err != nil {
		return resolved{}, fmt.Errorf("%w: %w", ErrSchema, err)
	}
	if !c.KnownRecord(nsid) {
		return resolved{}, fmt.Errorf("%w: %s is no record type", ErrSchema, nsid)
	}
	r.catalog = c
	return r, nil
}

// document fetches one lexicon document. The publisher's DID document may come from a
// cache; where it does not fit, it is asked for again, once.
func (o *Options) document(ctx context.Context, nsid syntax.NSID) (syntax.DID, syntax.TID, []byte, error) {
	did, err := o.authority(ctx, nsid)
	if err != nil {
		return "", "", nil, err
	}
	var p proven
	for _, fresh := range []bool{false, true} {
		from, failed := o.publisher(ctx, did, fresh)
		if failed != nil {
			return "", "", nil, failed
		}
		if p, err = o.record(ctx, from, nsid); !errors.Is(err, errSignature) {
			break
		}
	}
	if err != nil {
		return "", "", nil, err
	}
	text, err := asJSON(p.record, nsid)
	return did, p.rev, text, err
}

// asJSON reads the record of a lexicon, which must say itself that it is this one.
func asJSON(record []byte, nsid syntax.NSID) ([]byte, error) {
	text, err := dag.AppendJSON(nil, record)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSchema, err)
	}
	var head struct {
		Type string `json:"$type"`
		ID   string `json:"id"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSchema, err)
	}
	if head.Type != lexiconRecord || head.ID != nsid.String() {
		return nil, fmt.Errorf("%w: the record of %s is a %.100q about %.100q", ErrSchema, nsid, head.Type, head.ID)
	}
	return text, nil
}
