package operator

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// several is accounts that a command takes one after the other.
type several struct {
	Accounts []string `arg:"" optional:"" help:"DIDs or handles."`
	File     string   `help:"A file with one more a line." type:"existingfile"`
}

// each does something with every account and goes on behind a failure. The first
// failure ends the command with exit code 1.
func (v several) each(ctx context.Context, s *Server, do func(did string) (string, error)) error {
	all := v.Accounts
	if v.File != "" {
		f, err := os.Open(v.File)
		if err != nil {
			return err
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			if line := strings.TrimSpace(lines.Text()); line != "" && line[0] != '#' {
				all = append(all, line)
			}
		}
		if err := lines.Err(); err != nil {
			return err
		}
	}
	if len(all) == 0 {
		return errors.New("no account is named")
	}
	var failed error
	for _, one := range all {
		did, err := s.did(ctx, one)
		if err == nil {
			var done string
			if done, err = do(did); err == nil {
				fmt.Fprintf(s.Out, "%s  %s\n", did, done)
				continue
			}
		}
		fmt.Fprintf(s.Out, "%s  %v\n", one, err)
		if failed == nil {
			failed = fmt.Errorf("%s: %w", one, err)
		}
	}
	return failed
}

type publishCommand struct {
	Remote
	several
}

// Run gives accounts the handle that they have: the directory is brought in line,
// and the identity is announced again.
func (c *publishCommand) Run(ctx context.Context, connect Connect) error {
	s, err := connect(c.Remote)
	if err != nil {
		return err
	}
	return c.each(ctx, s, func(did string) (string, error) {
		var a view
		if err := s.query(ctx, "com.atproto.admin.getAccountInfo", map[string][]string{"did": {did}}, &a); err != nil {
			return "", err
		}
		err := s.call(ctx, "com.atproto.admin.updateAccountHandle", map[string]string{"did": did, "handle": a.Handle}, nil)
		return "announced as " + a.Handle, err
	})
}

type rotateCommand struct {
	Remote
	several
}

// Run gives accounts a new signing key each.
func (c *rotateCommand) Run(ctx context.Context, connect Connect) error {
	s, err := connect(c.Remote)
	if err != nil {
		return err
	}
	return c.each(ctx, s, func(did string) (string, error) {
		var reserved struct{ SigningKey string }
		if err := s.call(ctx, "com.atproto.server.reserveSigningKey", map[string]string{"did": did}, &reserved); err != nil {
			return "", err
		}
		in := map[string]string{"did": did, "signingKey": reserved.SigningKey}
		return "signs with " + reserved.SigningKey, s.call(ctx, "com.atproto.admin.updateAccountSigningKey", in, nil)
	})
}
