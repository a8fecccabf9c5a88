package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/repo"
	"github.com/ipfs/go-cid"
	"golang.org/x/sync/errgroup"
)

// prove asks for the proof of every acknowledged record and checks it: the
// record's block, the path to it, and the signature of the commit above. What
// is not proved is counted, and the first reason noted.
func (t *target) prove(ctx context.Context, a *account, acks []ack, workers int, sum *tally) error {
	key, err := t.signingKey(a)
	if err != nil {
		return fmt.Errorf("signing key: %w", err)
	}
	var mu sync.Mutex
	signed := map[string]bool{} // encoded unsigned commit + signature
	proved, reason := 0, error(nil)
	next := make(chan ack, len(acks))
	for _, k := range acks {
		next <- k
	}
	close(next)
	g, ctx := errgroup.WithContext(ctx)
	for range workers {
		g.Go(func() error {
			c := newConn(ctx, t.to)
			defer c.close()
			for k := range next {
				commit, err := t.proveOne(ctx, c, a, k)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				mu.Lock()
				if err == nil && !signed[commitID(commit)] {
					if err = commit.VerifySignature(key); err == nil {
						signed[commitID(commit)] = true
					}
				}
				if err == nil {
					proved++
				} else if reason == nil {
					reason = fmt.Errorf("%s: %w", k.rkey, err)
				}
				mu.Unlock()
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	sum.claimed, sum.proved = len(acks), proved
	if reason != nil {
		sum.note(fmt.Sprintf("NOT KEPT: %d acknowledged records have no proof, the first: %v", len(acks)-proved, reason))
	}
	return nil
}

func commitID(c *repo.Commit) string { return c.Rev + c.Data.KeyString() + string(c.Sig) }

// proveOne returns the commit under which the record is there.
func (t *target) proveOne(ctx context.Context, c *conn, a *account, k ack) (*repo.Commit, error) {
	body, _, err := c.call(appendGet(nil, t.to, "com.atproto.sync.getRecord",
		params("did", a.DID.String(), "collection", collection, "rkey", k.rkey.String()), ""), false)
	if err != nil {
		return nil, err
	}
	want, err := cid.Decode(k.cid)
	if err != nil {
		return nil, err
	}
	// The CAR reader compares each block with its CID.
	commit, r, err := repo.LoadRepoFromCAR(ctx, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if commit.DID != a.DID.String() {
		return nil, fmt.Errorf("the commit is of %s", commit.DID)
	}
	block, found, err := r.GetRecordBytes(ctx, collection, k.rkey)
	if err != nil {
		return nil, err
	}
	if !found.Equals(want) || len(block) == 0 {
		return nil, fmt.Errorf("the tree has %s, the answer was %s", found, want)
	}
	return commit, nil
}

// signingKey is the account's key, from the DID document that describeRepo shows.
func (t *target) signingKey(a *account) (atcrypto.PublicKey, error) {
	var out struct{ DidDoc json.RawMessage }
	if err := t.query(t.slow, "com.atproto.repo.describeRepo", "", &out, "repo", a.DID.String()); err != nil {
		return nil, err
	}
	var doc struct {
		VerificationMethod []struct{ ID, PublicKeyMultibase string }
	}
	if err := json.Unmarshal(out.DidDoc, &doc); err != nil {
		return nil, err
	}
	for _, m := range doc.VerificationMethod {
		if strings.HasSuffix(m.ID, "#atproto") {
			return atcrypto.ParsePublicMultibase(m.PublicKeyMultibase)
		}
	}
	return nil, errors.New("the DID document has no key #atproto")
}
