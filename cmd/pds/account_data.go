package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/cmd/pds/migrate"
	"troupe/storage/keys"
)

// fromData exports out of a data directory: the server of that directory is
// started for as long as it takes, for nobody but this process, and asked like
// any other, with a token that its own secret signs.
func (c *accountExportCommand) fromData(ctx context.Context, x *migrate.Exporter) (stop func() error, err error) {
	passphrase := ""
	if c.WithKeys {
		if passphrase, err = x.Ask.Secret(migrate.SecretPassphrase, "Passphrase to seal the signing key with"); err != nil {
			return nil, err
		}
	}
	config, err := c.config()
	if err != nil {
		return nil, err
	}
	lock, err := lockExisting(config.Data)
	if err != nil {
		return nil, fmt.Errorf("%w (a server that runs exports with --server, or with --admin)", err)
	}
	lock.Close()
	if _, err := os.Stat(config.Accounts); err != nil {
		return nil, err // and not made, as a server would
	}
	ctx, cancel := context.WithCancel(ctx)
	server, err := NewServer(ctx, config, Extra{}, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		cancel()
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		cancel()
		return nil, errors.Join(err, server.closer.closeAll(context.WithoutCancel(ctx)))
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx, l) }()
	stop = func() error { cancel(); return <-ended }
	who, err := server.accountNamed(c.Account)
	if err != nil {
		return nil, errors.Join(err, stop())
	}
	x.Account, x.Server, x.PLC = who.DID.String(), "http://"+l.Addr().String(), config.PLC
	if c.WithKeys {
		x.Seal = server.seal(passphrase)
	}
	tokens := account.Tokens{Secret: []byte(config.JWTSecret), ServiceDID: config.DID}
	if x.Token, err = tokens.MintAccess(who.DID, account.ScopeAccess); err != nil {
		return nil, errors.Join(err, stop())
	}
	return stop, nil
}

// config is that of the server, which tells nobody that it is up.
func (c *accountExportCommand) config() (Config, error) {
	overrides := map[string]string{"PDS_DATA_DIRECTORY": c.Data}
	for k, v := range c.Set {
		overrides[k] = v
	}
	s, err := newSettings(overrides, os.Environ(), c.EnvFile)
	if err != nil {
		return Config{}, err
	}
	config, err := readConfig(s)
	config.Crawlers = nil
	return config, err
}

// accountNamed finds an account by what its operator calls it.
func (s *Server) accountNamed(name string) (account.Account, error) {
	if did, err := syntax.ParseDID(name); err == nil {
		if a, ok := s.index.ByDID(did); ok {
			return a, nil
		}
	} else if h, err := syntax.ParseHandle(name); err == nil {
		if a, ok := s.index.ByHandle(h.Normalize()); ok {
			return a, nil
		}
	}
	return account.Account{}, fmt.Errorf("the data directory has no account %s", name)
}

func (s *Server) keyFolder(did syntax.DID) string { return keys.ActorDir(s.config.Actors, did) }
