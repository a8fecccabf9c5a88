package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"troupe/cmd/pds/migrate"
)

// accountMigrateCommand is `pds account migrate-in`.
type accountMigrateCommand struct {
	Account    string `arg:"" optional:"" help:"Handle or DID; with --old also an e-mail address. Not needed with --from-export."`
	New        string `help:"Server to move to, which runs." required:""`
	Old        string `help:"Server to move from; else the one that the DID document names."`
	FromExport string `help:"Take everything from this export. Without --old the old server counts as gone, and --recovery-key-file is needed." type:"existingdir"`
	PLC        string `help:"PLC directory." default:"https://plc.directory" name:"plc"`
	State      string `help:"File that remembers how far it has come. The default is named after the account." type:"path"`

	NewHandle string `help:"Handle on the new server; else the same, where that is possible."`
	Email     string `help:"E-mail address on the new server; else the same."`
	Invite    string `help:"Invite code of the new server."`
	Code      string `help:"Code that the old server has mailed; else it is asked for."`
	NewCode   bool   `help:"Have the old server mail another code."`

	OldPasswordFile string `help:"File with the password on the old server; else PDS_OLD_PASSWORD, else it is asked for." type:"existingfile"`
	NewPasswordFile string `help:"File with the password on the new server; else PDS_NEW_PASSWORD, else it is asked for." type:"existingfile"`
	AdminFile       string `help:"File with the new server's admin password, to make an invite code with; else PDS_NEW_ADMIN_PASSWORD." name:"new-admin-password-file" type:"existingfile"`
	RecoveryKeyFile string `help:"File with a rotation key of your own (multibase or hex) that signs the change of the identity; else PDS_RECOVERY_KEY, else the old server signs." type:"existingfile"`
	PassphraseFile  string `help:"File with the passphrase of an exported key; else PDS_EXPORT_PASSPHRASE." type:"existingfile"`
	FactorCode      string `help:"Code of a second factor on the old server."`

	KeepOld          bool `help:"Leave the old account active."`
	SkipMissingBlobs bool `help:"Go on although some blobs cannot be had."`
	Workers          int  `help:"Blobs under way at a time." default:"4"`

	in  *os.File  // nil: standard input
	out io.Writer // nil: standard output
}

// Run moves the account.
func (c *accountMigrateCommand) Run(ctx context.Context) error {
	if c.out == nil {
		c.in, c.out = os.Stdin, os.Stdout
	}
	ask, err := terminal(ctx, c.in, c.out, map[migrate.Secret]secret{
		migrate.SecretOld:        {c.OldPasswordFile, "PDS_OLD_PASSWORD"},
		migrate.SecretNew:        {c.NewPasswordFile, "PDS_NEW_PASSWORD"},
		migrate.SecretPassphrase: {c.PassphraseFile, "PDS_EXPORT_PASSPHRASE"},
	})
	if err != nil {
		return err
	}
	if c.FactorCode != "" {
		ask.Given[migrate.SecretFactor] = c.FactorCode
	}
	admin, err := (secret{c.AdminFile, "PDS_NEW_ADMIN_PASSWORD"}).value()
	if err != nil {
		return err
	}
	recovery, err := readRotationKey(secret{c.RecoveryKeyFile, "PDS_RECOVERY_KEY"})
	if err != nil {
		return err
	}
	if c.Account == "" && c.FromExport == "" {
		return fmt.Errorf("migrate-in: name the account, or an export of it with --from-export")
	}
	m := &migrate.Mover{
		Account: c.Account, Old: c.Old, New: c.New, From: migrate.Folder(c.FromExport), PLC: c.PLC, State: c.State,
		NewHandle: c.NewHandle, Email: c.Email, Invite: c.Invite, Admin: admin, Recovery: recovery,
		Code: c.Code, NewCode: c.NewCode, KeepOld: c.KeepOld, SkipBlobs: c.SkipMissingBlobs, Workers: c.Workers, Ask: ask,
		Say: func(s string) { fmt.Fprintln(c.out, s) },
	}
	state, err := m.Run(ctx)
	if err != nil {
		return fmt.Errorf("migrate-in: %w", err)
	}
	fmt.Fprintf(c.out, "%s has moved to %s as %s: %d records, %d blobs could not be brought\n",
		state.DID, state.New, state.NewHandle, state.Repository.Records, len(state.Missing))
	return nil
}
