package upstream

import (
	"errors"
	"net/http"
	"net/url"

	lru "github.com/hashicorp/golang-lru/v2"
)

// origin is what is known about one upstream.
type origin struct {
	gate    *gate
	breaker breaker
}

// origins are the upstreams that one pool of connections serves. The names of
// strangers' are kept in a bounded table; who falls out of it starts anew.
type origins struct {
	http   *http.Client
	known  *lru.Cache[string, *origin]
	places int // of each
	all    *quota
}

func newOrigins(c *http.Client, keep, places int, all int64) origins {
	known, _ := lru.New[string, *origin](keep) // fails for no size alone
	return origins{http: c, known: known, places: places, all: &quota{max: all}}
}

// at finds, or begins, what is known about an origin.
func (o *origins) at(name string) *origin {
	if found, ok := o.known.Get(name); ok {
		return found
	}
	fresh := &origin{gate: newGate(o.places)}
	if found, ok, _ := o.known.PeekOrAdd(name, fresh); ok {
		return found
	}
	return fresh
}

var errEndpoint = errors.New("upstream: the endpoint is no origin")

// parseOrigin reads the URL of a service. Only the origin counts, and anything
// beyond it is an error: to ask elsewhere than the document says helps nobody.
func parseOrigin(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errEndpoint
	}
	if u.Host == "" || u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != "" {
		return nil, errEndpoint
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}
