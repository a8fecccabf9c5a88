package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/cmd/pds/migrate"
)

// accountExportCommand is `pds account export`.
type accountExportCommand struct {
	Account string `arg:"" help:"Handle or DID; with --server also an e-mail address."`
	Out     string `help:"Folder of the export. The default is named after the account." type:"path"`
	Tar     string `help:"Pack the complete export into this file too." type:"path"`
	Server  string `help:"Server that has the account; else the one that the DID document names."`
	PLC     string `help:"PLC directory." default:"https://plc.directory" name:"plc"`
	Workers int    `help:"Blobs under way at a time." default:"4"`
	Quiet   bool   `help:"No progress." short:"q"`

	PasswordFile string `help:"File with the account's password; else PDS_ACCOUNT_PASSWORD, else it is asked for." type:"existingfile"`
	FactorCode   string `help:"Code of a second factor."`

	Admin     bool   `help:"As the operator of --server, with the admin password: all but preferences and keys."`
	AdminFile string `help:"File with the admin password; else PDS_ADMIN_PASSWORD." name:"admin-password-file" type:"existingfile"`

	Data           string            `help:"As the operator, out of the data directory of a server that does not run: everything." type:"existingdir" xor:"from"`
	EnvFile        string            `help:"With --data: the settings of that server, as for pds serve." type:"existingfile"`
	Set            map[string]string `help:"With --data: any other setting, NAME=value; repeatable." mapsep:"none"`
	WithKeys       bool              `help:"With --data: the signing key too, sealed by a passphrase."`
	PassphraseFile string            `help:"File with the passphrase; else PDS_EXPORT_PASSPHRASE, else it is asked for." type:"existingfile"`

	in            *os.File  // nil: standard input
	out, progress io.Writer // nil: standard output and standard error
}

// Run exports the account and says what the export holds.
func (c *accountExportCommand) Run(ctx context.Context) error {
	if c.out == nil {
		c.in, c.out, c.progress = os.Stdin, os.Stdout, os.Stderr
	}
	ask, err := terminal(ctx, c.in, c.progress, map[migrate.Secret]secret{
		migrate.SecretPassword:   {c.PasswordFile, "PDS_ACCOUNT_PASSWORD"},
		migrate.SecretPassphrase: {c.PassphraseFile, "PDS_EXPORT_PASSPHRASE"},
	})
	if err != nil {
		return err
	}
	if c.FactorCode != "" {
		ask.Given[migrate.SecretFactor] = c.FactorCode
	}
	folder := c.Out
	if folder == "" {
		folder = "export-" + strings.NewReplacer(":", "-", "%", "-", "@", "-", "/", "-").Replace(c.Account)
	}
	x := &migrate.Exporter{
		Account: c.Account, Server: c.Server, PLC: c.PLC, Folder: migrate.Folder(folder), Workers: c.Workers, Ask: ask,
		Say: func(s string) {
			if !c.Quiet {
				fmt.Fprintln(c.progress, s)
			}
		},
	}
	stop, err := c.credential(ctx, x)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	m, err := x.Run(ctx)
	if err := errors.Join(err, stop()); err != nil {
		if _, none := os.Stat(folder); none != nil {
			return fmt.Errorf("export: %w", err)
		}
		return fmt.Errorf("export: %w\n  What was fetched stays in %s: run it again for the rest.", err, folder)
	}
	fmt.Fprintf(c.out, "%s: %d records at rev %s, %d blobs (%s), %d preferences, in %s\n", m.DID, m.Repository.Records, m.Repository.Rev,
		m.Blobs.Count, migrate.Bytes(m.Blobs.Bytes), m.Preferences, folder)
	printWithout(c.out, m)
	if c.Tar != "" {
		if err := x.Folder.Pack(c.Tar); err != nil {
			return fmt.Errorf("export: %w", err)
		}
		fmt.Fprintln(c.out, "packed into", c.Tar)
	}
	return nil
}

// credential prepares the exporter for whoever exports.
func (c *accountExportCommand) credential(ctx context.Context, x *migrate.Exporter) (stop func() error, err error) {
	stop = func() error { return nil }
	switch {
	case c.WithKeys && c.Data == "":
		return nil, errors.New("keys never leave a running server: --with-keys needs --data and a server that is stopped")
	case c.Data != "":
		return c.fromData(ctx, x)
	case c.Admin:
		if x.Admin, err = (secret{c.AdminFile, "PDS_ADMIN_PASSWORD"}).value(); err != nil {
			return nil, err
		}
		if x.Admin == "" || c.Server == "" {
			return nil, errors.New("--admin needs --server and the admin password (--admin-password-file or PDS_ADMIN_PASSWORD)")
		}
	}
	return stop, nil
}

// seal seals the signing key of an account by the passphrase.
func (s *Server) seal(passphrase string) func(syntax.DID) ([]byte, error) {
	return func(did syntax.DID) ([]byte, error) {
		vault, err := s.openVault()
		if err != nil {
			return nil, err
		}
		key, err := vault.ReadSigningKey(s.keyFolder(did), did)
		if err != nil {
			return nil, err
		}
		return migrate.SealKeys(did, key, passphrase)
	}
}
