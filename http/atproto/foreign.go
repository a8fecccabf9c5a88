package atproto

import (
	"context"
	"fmt"
	"net/http"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/http/upstream"
	"troupe/http/xrpc"
)

// Foreign answers queries about what is kept on other servers.
type Foreign interface {
	// Query asks for a method with the query string of a client's request, and
	// gives the answer on as it is. ErrForeign if there is none that is one.
	Query(ctx context.Context, method syntax.NSID, query string) (xrpc.Stream, error)
}

// AppView is the Foreign that asks the app view, on behalf of nobody in
// particular.
type AppView struct{ Upstream *upstream.Client }

// Query implements Foreign.
func (v AppView) Query(ctx context.Context, method syntax.NSID, query string) (xrpc.Stream, error) {
	answer, err := v.Upstream.Public(ctx, method, query)
	if err != nil {
		return xrpc.Stream{}, err
	}
	if answer.Status >= http.StatusMultipleChoices {
		answer.Close()
		return xrpc.Stream{}, fmt.Errorf("%w: status %d", ErrForeign, answer.Status)
	}
	return answer.Stream(), nil
}
