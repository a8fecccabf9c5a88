package bench

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// account is one that a run made and may use.
type account struct {
	DID      syntax.DID    `json:"did"`
	Handle   syntax.Handle `json:"handle"`
	Password string        `json:"password"`
	Access   string        `json:"access"`
	Refresh  string        `json:"refresh"`
	Seeded   int           `json:"seeded"`         // records with the keys seedKey(0…)
	Blob     string        `json:"blob,omitempty"` // CID of a blob that a record points at
	Records  int           `json:"records"`        // at least so many in all; only kept for an account that is exported
}

// state is what the next run on the same server can use again.
type state struct {
	Server   string     `json:"server"` // whose accounts these are
	Accounts []*account `json:"accounts"`
	Export   *account   `json:"export"` // the large repository
}

// stateFile names the file of one server.
func stateFile(dir, server string) string {
	return filepath.Join(dir, strings.NewReplacer("://", "-", ":", "_", "/", "_").Replace(server)+".json")
}

// readState returns an empty state when there is no file, or none of this server.
func readState(path, server string) (*state, error) {
	fresh := &state{Server: server}
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return fresh, nil
	}
	if err != nil {
		return nil, err
	}
	var s state
	if json.Unmarshal(text, &s) != nil || s.Server != server {
		return fresh, nil
	}
	return &s, nil
}

// write replaces the file. It holds passwords of accounts that are worth
// nothing, on servers that may be.
func (s *state) write(path string) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// expires reads the time out of a token without trusting it; zero if it has none.
func expires(token string) time.Time {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct{ Exp int64 }
	if err != nil || json.Unmarshal(text, &claims) != nil || claims.Exp == 0 {
		return time.Time{}
	}
	return time.Unix(claims.Exp, 0)
}
