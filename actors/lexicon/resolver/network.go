package resolver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	atid "github.com/bluesky-social/indigo/atproto/identity"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/outbound"
)

// MaxProof is how many bytes the proof of one record may have, unless Options says otherwise.
const MaxProof = 1 << 20

const (
	maxName = 253 // bytes of a DNS name

	lexiconRecord = "com.atproto.lexicon.schema" // the collection, and the $type in it
)

// authority asks whose repository has the lexicon: the one did= record of
// _lexicon.<domain>. Domains above it are not asked: each publishes for itself.
func (o *Options) authority(ctx context.Context, nsid syntax.NSID) (syntax.DID, error) {
	if o.Authority != "" {
		return o.Authority, nil
	}
	domain := nsid.Authority()
	name := "_lexicon." + domain
	if len(name) > maxName || !o.Dev && (!syntax.Handle(domain).AllowedTLD() || syntax.Handle(domain).TLD() == "test") {
		return "", fmt.Errorf("%w: nobody has the domain %s", ErrNotFound, domain)
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	records, err := o.DNS(ctx, name)
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return "", fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	var found []string
	for _, r := range records {
		if v, ok := strings.CutPrefix(r, "did="); ok {
			found = append(found, v)
		}
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%w: %d did= records at %s", ErrNotFound, len(found), name)
	}
	did, err := syntax.ParseDID(found[0])
	if err != nil {
		return "", fmt.Errorf("%w: %s: %w", ErrNotFound, name, err)
	}
	return did, nil
}

// publisher is what a DID document says about a repository.
type publisher struct {
	did  syntax.DID
	host *url.URL
	key  atcrypto.PublicKey
}

func (o *Options) publisher(ctx context.Context, did syntax.DID, fresh bool) (publisher, error) {
	doc, err := o.Document(ctx, did, fresh)
	if errors.Is(err, atid.ErrDIDNotFound) {
		return publisher{}, fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	if err != nil {
		return publisher{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	ident := atid.ParseIdentity(doc)
	key, err := ident.PublicKey()
	if err != nil {
		return publisher{}, fmt.Errorf("%w: %s: %w", ErrProof, did, err)
	}
	host, err := url.Parse(ident.PDSEndpoint())
	if err != nil || host.Host == "" || host.User != nil || strings.Trim(host.Path, "/") != "" || host.RawQuery != "" || host.Fragment != "" {
		return publisher{}, fmt.Errorf("%w: %s has no PDS", ErrNotFound, did)
	}
	return publisher{did, host, key}, nil
}

// record fetches the record that publishes a lexicon, with its proof.
func (o *Options) record(ctx context.Context, p publisher, nsid syntax.NSID) (proven, error) {
	where := p.host.JoinPath("xrpc", "com.atproto.sync.getRecord")
	where.RawQuery = url.Values{"did": {p.did.String()}, "collection": {lexiconRecord}, "rkey": {nsid.String()}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where.String(), nil)
	if err != nil {
		return proven{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	req.Header.Set("Accept", "application/vnd.ipld.car")
	resp, err := o.Web.Do(req)
	if err != nil {
		return proven{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	body, err := outbound.ReadAll(resp, o.MaxProof)
	switch {
	case resp.StatusCode == http.StatusNotFound, resp.StatusCode == http.StatusBadRequest: // RecordNotFound, RepoNotFound
		return proven{}, fmt.Errorf("%w: status %d", ErrNotFound, resp.StatusCode)
	case resp.StatusCode != http.StatusOK:
		return proven{}, fmt.Errorf("%w: status %d", ErrUnavailable, resp.StatusCode)
	case errors.Is(err, outbound.ErrTooLarge):
		return proven{}, fmt.Errorf("%w: %w", ErrProof, err)
	case err != nil:
		return proven{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return verify(body, p.did, p.key, lexiconRecord+"/"+nsid.String())
}
