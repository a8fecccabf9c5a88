package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	nethttp "net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mail"
	"troupe/actors/mailbox"
	"troupe/actors/saga"
	"troupe/cmd/pds/devnet"
)

// devCommand is `pds dev`.
type devCommand struct {
	Port    int    `help:"Port of the server." default:"2583"`
	PLCPort int    `help:"Port of the PLC directory; 0 takes any." name:"plc-port" default:"2582"`
	PLC     string `help:"Use the PLC directory at this address, for example that of another pds dev, and make no accounts." name:"plc"`
	Metrics string `help:"Address of /metrics." default:"127.0.0.1:2585"`
	Data    string `help:"Where everything is kept. The default is a folder in the user's cache." type:"path"`
	Fresh   bool   `help:"Forget everything kept from before."`

	Set map[string]string `help:"Any other setting, NAME=value; repeatable." mapsep:"none"`
}

// demoAccounts are there to be played with. Their passwords are no secret.
var demoAccounts = []struct{ Handle, Password string }{
	{"alice.test", "alice-password"},
	{"bob.test", "bob-password"},
}

// Run serves until a signal ends it.
func (c *devCommand) Run(ctx context.Context) error {
	dir, err := c.directory()
	if err != nil {
		return err
	}
	logger := newLogger(os.Getenv("LOG_LEVEL"))
	if os.Getenv("LOG_LEVEL") == "" {
		logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(c.Port)))
	if err != nil {
		return fmt.Errorf("%w (another pds? --port takes a different one)", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	plcURL, closePLC, err := c.directoryOfDIDs(dir, logger)
	if err != nil {
		return err
	}
	defer closePLC()
	config, err := c.config(dir, port, plcURL)
	if err != nil {
		return err
	}
	mails := devnet.NewMailbox(100)
	page := newStartPage(config, plcURL)
	tradeMemory()
	server, err := NewServer(ctx, config, Extra{Home: page, Pages: devPages(mails, page), Mail: deliver(mails), CheckOutput: true}, logger)
	if err != nil {
		return err
	}
	stop, err := serveMetrics(c.Metrics, logger)
	if err != nil {
		logger.Warn("no metrics", "err", err)
		stop = func() {}
	}
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx, l) }()
	if c.PLC == "" {
		if err := server.signUpDemo(ctx); err != nil && ctx.Err() == nil {
			logger.Error("demo accounts", "err", err)
		}
	}
	c.announce(config, plcURL, dir)
	return <-ended
}

// directoryOfDIDs is a PLC directory of this process's own, or another one that
// runs: two servers that share one can pass accounts to each other.
func (c *devCommand) directoryOfDIDs(dir string, logger *slog.Logger) (url string, stop func() error, err error) {
	if c.PLC != "" {
		return strings.TrimRight(c.PLC, "/"), func() error { return nil }, nil
	}
	own, err := devnet.OpenPLC(devnet.PLCOptions{Path: filepath.Join(dir, "plc.jsonl"), Log: logger})
	if err != nil {
		return "", nil, err
	}
	url, err = own.Listen(net.JoinHostPort("127.0.0.1", strconv.Itoa(c.PLCPort)))
	if err != nil {
		own.Close()
		return "", nil, fmt.Errorf("PLC directory: %w (--plc-port takes a different one)", err)
	}
	return url, own.Close, nil
}

// directory is where the development server keeps its files.
func (c *devCommand) directory() (string, error) {
	dir := c.Data
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			cache = os.TempDir()
		}
		dir = filepath.Join(cache, "troupe-dev")
	}
	if c.Fresh {
		// Only what a development server made is removed.
		if _, err := os.Stat(filepath.Join(dir, devSecrets)); err == nil {
			if err := os.RemoveAll(dir); err != nil {
				return "", err
			}
		}
	}
	return dir, os.MkdirAll(dir, 0o700)
}

// devSecrets keeps what a server must not lose between two runs.
const devSecrets = "dev.env"

// config is a Config that works without any setting. Secrets are made once and
// kept beside the data.
func (c *devCommand) config(dir string, port int, plcURL string) (Config, error) {
	file := filepath.Join(dir, devSecrets)
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		if err := writeDevSecrets(file); err != nil {
			return Config{}, err
		}
	}
	fixed := map[string]string{
		"PDS_PORT": strconv.Itoa(port), "PDS_BIND_ADDRESS": "127.0.0.1", "PDS_DATA_DIRECTORY": filepath.Join(dir, "data"),
		"PDS_DID_PLC_URL": plcURL, "PDS_DEV_MODE": "true", "PDS_INVITE_REQUIRED": "false",
	}
	for k, v := range c.Set {
		fixed[k] = v
	}
	s, err := newSettings(fixed, nil, file)
	if err != nil {
		return Config{}, err
	}
	return readConfig(s)
}

func writeDevSecrets(file string) error {
	key, err := atcrypto.GeneratePrivateKeyK256()
	if err != nil {
		return err
	}
	var secret [32]byte
	rand.Read(secret[:])
	return os.WriteFile(file, fmt.Appendf(nil, `# Made by pds dev. For this machine only.
PDS_JWT_SECRET=%s
PDS_ADMIN_PASSWORD=admin
PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX=%s
`, hex.EncodeToString(secret[:]), hex.EncodeToString(key.Bytes())), 0o600)
}

// signUpDemo makes the demo accounts that do not exist yet.
func (s *Server) signUpDemo(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for _, a := range demoAccounts {
		if _, ok := s.index.ByHandle(syntax.Handle(a.Handle)); ok {
			continue
		}
		_, err := mailbox.Ask(ctx, s.sagas, saga.SignUp{Handle: a.Handle, Email: a.Handle[:len(a.Handle)-len(".test")] + "@example.com", Password: a.Password})
		if err != nil {
			return fmt.Errorf("%s: %w", a.Handle, err)
		}
	}
	return nil
}

func (c *devCommand) announce(config Config, plcURL, dir string) {
	fmt.Printf(`
  %s          start here: what to try next
  %s/dev/mail/    mail that would have been sent
  %s          PLC directory
  %s/metrics   Prometheus metrics

  %soperator: admin / %s
  everything is kept in %s (--fresh forgets it)

`, config.URL, config.URL, plcURL, "http://"+c.Metrics, c.accounts(), config.AdminPassword, dir)
}

// deliver puts mail into the mailbox page.
func deliver(mails *devnet.Mailbox) mail.Transport {
	return mail.TransportFunc(func(_ context.Context, m mail.Message) error {
		mails.Deliver(devnet.Mail{To: m.To, Subject: m.Subject, Text: m.Text, HTML: m.HTML, At: time.Now()})
		return nil
	})
}

func (c *devCommand) accounts() string {
	if c.PLC != "" {
		return ""
	}
	return fmt.Sprintf("accounts: %s / %s, %s / %s; ", demoAccounts[0].Handle, demoAccounts[0].Password, demoAccounts[1].Handle, demoAccounts[1].Password)
}

// devPages serves what a developer looks at beside the product.
func devPages(mails *devnet.Mailbox, page *startPage) nethttp.Handler {
	mux := nethttp.NewServeMux()
	mux.Handle("/dev/mail/", nethttp.StripPrefix("/dev/mail", mails))
	mux.HandleFunc("/dev/pages", page.samples)
	mux.HandleFunc("/dev/pages/{name}", page.sample)
	return mux
}
