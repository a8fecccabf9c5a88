package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/mailbox"
)

// removeFactorsCommand is `pds account remove-factors`. It opens the file of a
// server that does not run: there is no method of the protocol for this, and a
// way over the network to take a second factor away would be one to break in.
type removeFactorsCommand struct {
	mailPlace
	Account string `arg:"" help:"DID or handle."`
}

// Run removes the factors, and leaves a mail that tells the owner.
func (c *removeFactorsCommand) Run(ctx context.Context) (err error) {
	config, s, err := c.config()
	if err != nil {
		return err
	}
	if config.readStorage(s); s.err != nil {
		return s.err
	}
	if _, err := os.Stat(config.Accounts); err != nil {
		return err // and not made, as a server would
	}
	lock, err := lockDirectory(config.Data)
	if err != nil {
		return fmt.Errorf("%w: stop the server first", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	system := mailbox.NewSystem(slog.New(slog.DiscardHandler))
	defer system.Shutdown()
	index := account.NewIndex()
	accounts, err := account.Spawn(system, account.Options{Path: config.Accounts, Index: index})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, accounts.Stop(context.WithoutCancel(ctx))) }()
	a, known := index.ByDID(syntax.DID(c.Account))
	if !known {
		a, known = index.ByHandle(syntax.Handle(c.Account))
	}
	if !known {
		return fmt.Errorf("no account %q", c.Account)
	}
	if _, err := mailbox.Ask(ctx, accounts.Address(), account.RemoveFactors{DID: a.DID}); err != nil {
		return err
	}
	return say(c.print(), "%s (%s) signs in with the password alone now; its owner is told by mail when the server runs.\n", a.Handle, a.DID)
}

func say(out io.Writer, format string, args ...any) error {
	_, err := fmt.Fprintf(out, format, args...)
	return err
}
