package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/bluesky-social/indigo/atproto/atcrypto"

	"troupe/cmd/pds/migrate"
	"troupe/cmd/pds/operator"
)

// accountCommand is `pds account`.
type accountCommand struct {
	operator.AccountCommands
	RemoveFactors removeFactorsCommand  `cmd:"" name:"remove-factors" help:"Remove the second factors of an account whose owner has lost them. The server must not run meanwhile."`
	Export        accountExportCommand  `cmd:"" help:"Export one account, complete and verified, into a folder: repository, blobs, preferences, DID document. May be stopped and run again."`
	Check         accountCheckCommand   `cmd:"" help:"Read an export from the first to the last byte. Exit code 1 if anything is damaged or missing."`
	MigrateIn     accountMigrateCommand `cmd:"" name:"migrate-in" help:"Move an account from another server, or out of an export, to a server that runs. May be stopped and run again."`
}

// who asks for what was not given.
func terminal(ctx context.Context, in *os.File, out io.Writer, given map[migrate.Secret]secret) (*migrate.Terminal, error) {
	t := &migrate.Terminal{In: in, Out: out, Given: map[migrate.Secret]string{}, Done: ctx.Done()}
	for which, s := range given {
		v, err := s.value()
		if err != nil {
			return nil, err
		}
		if v != "" {
			t.Given[which] = v
		}
	}
	return t, nil
}

// secret is something that no command line should show: it comes from a file or
// from the environment.
type secret struct{ file, env string }

// value is "" if it was not given.
func (s secret) value() (string, error) {
	if s.file != "" {
		b, err := os.ReadFile(s.file)
		if err != nil {
			return "", err
		}
		v := strings.TrimRight(string(b), "\r\n")
		if v == "" {
			return "", fmt.Errorf("%s is empty", s.file)
		}
		return v, nil
	}
	return os.Getenv(s.env), nil
}

// readRotationKey reads a private key as goat prints it, or as 64 hex digits.
func readRotationKey(s secret) (atcrypto.PrivateKey, error) {
	v, err := s.value()
	if v == "" || err != nil {
		return nil, err
	}
	if key, err := atcrypto.ParsePrivateMultibase(strings.TrimSpace(v)); err == nil {
		return key, nil
	}
	raw, err := hex.DecodeString(strings.TrimSpace(v))
	if err != nil || len(raw) != 32 {
		return nil, errors.New("recovery key: neither a multibase private key (z…) nor 64 hex digits")
	}
	return atcrypto.ParsePrivateBytesK256(raw)
}

// accountCheckCommand is `pds account check`.
type accountCheckCommand struct {
	Folder string `arg:"" help:"The export." type:"existingdir"`

	out io.Writer // nil: standard output
}

// Run checks the export.
func (c *accountCheckCommand) Run(ctx context.Context) error {
	if c.out == nil {
		c.out = os.Stdout
	}
	m, err := migrate.Check(ctx, migrate.Folder(c.Folder), func(s string) { fmt.Fprintln(c.out, s) })
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}
	printWithout(c.out, m)
	return nil
}

func printWithout(out io.Writer, m migrate.Manifest) {
	for _, w := range m.Without {
		fmt.Fprintln(out, "not in it:", w)
	}
	for _, id := range m.Blobs.Missing {
		fmt.Fprintln(out, "not in it: blob", id, "which the server did not have either")
	}
}
