package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// version is set by the linker of a release.
var version = "0.1.0-dev"

// commands is the command line.
type commands struct {
	Serve   serveCommand     `cmd:"" help:"Serve accounts. Configured by PDS_* environment variables, a file of them, and flags."`
	Dev     devCommand       `cmd:"" help:"A complete server for trying things out: PLC directory, mailbox page and two accounts included."`
	Audit   auditCommand     `cmd:"" help:"Check a server from the outside: every event, every repository. Exit code 1 if a rule is broken."`
	Bench   benchCommand     `cmd:"" help:"Load a server from the outside and report what it did and what that cost. It writes to the server it is pointed at."`
	Fsck    fsckCommand      `cmd:"" help:"Check a data directory at rest. Changes nothing. Exit code 0: sound, 1: findings, 2: could not look."`
	Crash   crashtestCommand `cmd:"" name:"crashtest" help:"Crash a server of its own again and again, and check that it keeps its word. Exit code 1 if it did not."`
	Mail    mailCommand      `cmd:"" help:"Commands about mail."`
	Blobs   blobsCommand     `cmd:"" help:"Commands about blobs."`
	Account accountCommand   `cmd:"" help:"Accounts: look after those of a running server, export one, move one."`
	Invite  inviteCommand    `cmd:"" help:"Invite codes of a running server."`
	Crawl   crawlCommand     `cmd:"" name:"request-crawl" help:"Ask relays to read a running server."`
	Vers    kong.VersionFlag `name:"version" help:"Print the version."`
}

func main() {
	// A second signal ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	var c commands
	k := kong.Parse(&c, kong.Name("pds"), kong.Description("An AT Protocol Personal Data Server: every account is an actor."),
		kong.Vars{"version": version}, kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(connectTo(os.Stdout)), kong.UsageOnError())
	if err := k.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "pds:", err)
		code := exitError{code: 1}
		errors.As(err, &code)
		os.Exit(code.code)
	}
}

// exitError ends the process with a code of its own.
type exitError struct {
	code int
	err  error
}

func (e exitError) Error() string { return e.err.Error() }
func (e exitError) Unwrap() error { return e.err }
