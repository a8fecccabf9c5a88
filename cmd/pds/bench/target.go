package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// target is one server during a run.
type target struct {
	Server
	to       endpoint
	path     string // of the state
	state    *state
	progress io.Writer
	slow     *conn // for everything that is not measured
}

func newTarget(ctx context.Context, s Server, dir string, progress io.Writer) (*target, error) {
	s.URL = strings.TrimSuffix(s.URL, "/")
	to, err := parseEndpoint(s.URL)
	if err != nil {
		return nil, err
	}
	server := s.URL
	if s.Process != nil { // its port changes, its accounts do not
		server, dir = "started", s.Process.dir
	}
	t := &target{Server: s, to: to, path: stateFile(dir, server), progress: progress, slow: newConn(ctx, to)}
	t.state, err = readState(t.path, server)
	return t, err
}

func (t *target) say(format string, args ...any) {
	fmt.Fprintf(t.progress, "%s: "+format+"\n", append([]any{t.Name}, args...)...)
}

// query asks an unmeasured question; out may be nil.
func (t *target) query(c *conn, method, token string, out any, args ...string) error {
	return answered(c, appendGet(nil, t.to, method, params(args...), token), out)
}

// procedure asks for an unmeasured change.
func (t *target) procedure(c *conn, method, scheme, token string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	return answered(c, appendPost(nil, t.to, method, scheme, token, body), out)
}

func answered(c *conn, request []byte, out any) error {
	body, _, err := c.call(request, false)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(body, out)
}

// params joins names and values to a query.
func params(args ...string) string {
	values := url.Values{}
	for i := 0; i+1 < len(args); i += 2 {
		values.Set(args[i], args[i+1])
	}
	if len(values) == 0 {
		return ""
	}
	return "?" + values.Encode()
}

// seedKey is the key of the i-th record that every seeded account has.
func seedKey(i int) syntax.TID { return syntax.NewTID(1_700_000_000_000_000+int64(i), 0) }
