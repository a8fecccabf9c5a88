package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/identity"
	"github.com/bluesky-social/indigo/atproto/repo"
	"github.com/bluesky-social/indigo/atproto/syntax"
)

// Keys knows which key signs for a DID.
type Keys interface {
	// Key is that of the DID document, kept until Forget.
	Key(ctx context.Context, did syntax.DID) (atcrypto.PublicKey, error)
	// Former keys of the DID, if they can be known.
	Former(ctx context.Context, did syntax.DID) ([]FormerKey, error)
	Forget(did syntax.DID)
}

// FormerKey signed until another took its place.
type FormerKey struct {
	Key   atcrypto.PublicKey
	Until time.Time
}

// overlap is how long after the directory took a new key the old one may
// still have signed.
const overlap = time.Minute

// Directory is Keys from a PLC directory and the web.
type Directory struct {
	base  identity.BaseDirectory
	cache map[syntax.DID]atcrypto.PublicKey
}

// NewDirectory asks the PLC directory at url.
func NewDirectory(url string) *Directory {
	return &Directory{
		base: identity.BaseDirectory{
			PLCURL: strings.TrimSuffix(url, "/"), SkipHandleVerification: true,
			HTTPClient: http.Client{Timeout: 10 * time.Second}, UserAgent: "troupe-audit",
		},
		cache: map[syntax.DID]atcrypto.PublicKey{},
	}
}

// Key implements Keys.
func (d *Directory) Key(ctx context.Context, did syntax.DID) (atcrypto.PublicKey, error) {
	if k, ok := d.cache[did]; ok {
		return k, nil
	}
	ident, err := d.base.LookupDID(ctx, did)
	if err != nil {
		return nil, err
	}
	k, err := ident.PublicKey()
	if err != nil {
		return nil, err
	}
	d.cache[did] = k
	return k, nil
}

// Forget implements Keys.
func (d *Directory) Forget(did syntax.DID) { delete(d.cache, did) }

// Former implements Keys: the signing keys of every operation that the
// directory's audit log still counts.
func (d *Directory) Former(ctx context.Context, did syntax.DID) ([]FormerKey, error) {
	if did.Method() != "plc" {
		return nil, nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.base.PLCURL+"/"+did.String()+"/log/audit", nil)
	if err != nil {
		return nil, err
	}
	res, err := d.base.HTTPClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("audit log of %s: %s", did, res.Status)
	}
	var log []struct {
		Nullified bool      `json:"nullified"`
		CreatedAt time.Time `json:"createdAt"`
		Operation struct {
			SigningKey string            `json:"signingKey"` // of the oldest operations
			Methods    map[string]string `json:"verificationMethods"`
		} `json:"operation"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, res.Body, 4<<20)).Decode(&log); err != nil {
		return nil, fmt.Errorf("audit log of %s: %w", did, err)
	}
	var keys []FormerKey
	until := time.Now()
	for _, e := range slices.Backward(log) {
		if e.Nullified {
			continue
		}
		for _, s := range []string{e.Operation.Methods["atproto"], e.Operation.SigningKey} {
			if k, err := atcrypto.ParsePublicDIDKey(s); err == nil {
				keys = append(keys, FormerKey{k, until})
			}
		}
		until = e.CreatedAt
	}
	return keys, nil
}

// checkSignature verifies a commit with the keys of its DID.
func checkSignature(ctx context.Context, f *findings, keys Keys, c *repo.Commit) {
	did := syntax.DID(c.DID)
	key, err := keys.Key(ctx, did)
	if err == nil && c.VerifySignature(key) == nil {
		return
	}
	// The document may be newer than what is kept, or the commit older than both.
	keys.Forget(did)
	all := []atcrypto.PublicKey{}
	if key, err = keys.Key(ctx, did); err == nil {
		all = append(all, key)
	}
	former, errFormer := keys.Former(ctx, did)
	for _, k := range former {
		if syntax.TID(c.Rev).Time().Before(k.Until.Add(overlap)) {
			all = append(all, k.Key)
		}
	}
	if len(all) == 0 {
		f.add(RuleSignature, "no key to check it with: %v", errors.Join(err, errFormer))
		return
	}
	unsigned, err := c.UnsignedBytes()
	if err != nil {
		f.add(RuleSignature, "%v", err)
		return
	}
	for _, k := range all {
		if k.HashAndVerify(unsigned, c.Sig) == nil {
			return
		}
	}
	for _, k := range all {
		if k.HashAndVerifyLenient(unsigned, c.Sig) == nil {
			f.add(RuleSignature, "high-S")
			return
		}
	}
	f.add(RuleSignature, "not by a key of the DID")
}
