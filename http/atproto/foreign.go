package atproto

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/http/xrpc"
)

// Foreign answers queries about what is kept on other servers.
type Foreign interface {
	// Query asks for a method with the query string of a client's request, and
	// gives the answer on as it is. ErrForeign if there is none.
	Query(ctx context.Context, method syntax.NSID, query string) (xrpc.Stream, error)
}

// AppView is the Foreign that asks one service, which the operator named, on
// behalf of nobody in particular.
type AppView struct {
	URL    string       // origin, without a path
	Client *http.Client // of package outbound
}

// Query implements Foreign.
func (v AppView) Query(ctx context.Context, method syntax.NSID, query string) (xrpc.Stream, error) {
	url := strings.TrimSuffix(v.URL, "/") + "/xrpc/" + method.String() + "?" + query
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return xrpc.Stream{}, fmt.Errorf("%w: %w", ErrForeign, err)
	}
	req.Header.Set("Accept", "application/json")
	resp, err := v.Client.Do(req)
	if err != nil {
		return xrpc.Stream{}, fmt.Errorf("%w: %w", ErrForeign, err)
	}
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		resp.Body.Close()
		return xrpc.Stream{}, fmt.Errorf("%w: status %d", ErrForeign, resp.StatusCode)
	}
	return xrpc.Stream{
		Status: resp.StatusCode, ContentType: resp.Header.Get("Content-Type"), Length: resp.ContentLength,
		Write: func(_ context.Context, w io.Writer) error {
			if _, err := io.Copy(w, resp.Body); err != nil {
				return fmt.Errorf("%w: %w", ErrForeign, err)
			}
			return nil
		},
		Close: func() { resp.Body.Close() },
	}, nil
}
