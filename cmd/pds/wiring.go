package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	nethttp "net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
	"github.com/prometheus/client_golang/prometheus"

	"troupe/actors/account"
	"troupe/actors/identity"
	"troupe/actors/identity/plc"
	"troupe/actors/lexicon"
	"troupe/actors/mail"
	"troupe/actors/mailbox"
	"troupe/actors/outbound"
	"troupe/actors/plcwatch"
	"troupe/actors/repo"
	"troupe/actors/saga"
	"troupe/actors/sequencer"
	"troupe/actors/sweeper"
	"troupe/http"
	"troupe/http/atproto"
	"troupe/http/auth"
	"troupe/http/bsky"
	"troupe/http/firehose"
	"troupe/http/rate"
	"troupe/http/web"
	"troupe/sequencing"
	"troupe/storage/blob"
	"troupe/storage/keys"
	"troupe/storage/repodb"
)

const (
	ringBytes    = 64 << 20
	accountReads = 4
	drainTime    = 10 * time.Second
)

// Server is every part of a running server, joined.
type Server struct {
	config Config
	log    *slog.Logger
	http   *http.Server
	closer closers

	index    *account.Index
	accounts mailbox.Address[*account.Accounts]
	sagas    mailbox.Address[*saga.Sagas]
	repos    *mailbox.Router[*repo.Repo]
	sweeper  mailbox.Address[*sweeper.Sweeper]
	mailer   mailbox.Address[*mail.Mailer]
	clock    *sequencing.Clock
	blobs    blob.Store
	spool    string             // folder of uploads under way
	shots    *repodb.Snapshots  // exports under way
	resides  saga.Residence     // where a DID must lead
	stop     context.CancelFunc // of what runs beside the actors

	directory *plc.Directory
	reserved  *keys.Reserved
	hosts     *web.Identities
	watch     *plcwatch.Watch
}

// closers is what has been opened, to be closed in the opposite order.
type closers []func(context.Context) error

func (c *closers) add(what string, fn func(context.Context) error) {
	*c = append(*c, func(ctx context.Context) error {
		if err := fn(ctx); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	})
}

func (c closers) closeAll(ctx context.Context) error {
	var errs []error
	for _, fn := range slices.Backward(c) {
		errs = append(errs, fn(ctx))
	}
	return errors.Join(errs...)
}

// plain adapts a Close without a context.
func plain(c io.Closer) func(context.Context) error {
	return func(context.Context) error { return c.Close() }
}

// NewServer opens every part from the bottom up. What was opened is closed
// again when a later part fails.
func NewServer(ctx context.Context, c Config, extra Extra, logger *slog.Logger) (_ *Server, err error) {
	s := &Server{config: c, log: logger, clock: sequencing.SystemClock(), shots: &repodb.Snapshots{}}
	defer func() {
		if err != nil {
			s.closer.closeAll(context.WithoutCancel(ctx))
		}
	}()
	lock, err := lockDirectory(c.Data)
	if err != nil {
		return nil, err
	}
	s.closer.add("lock", plain(lock))
	go lexicon.Embedded() // compiled beside the opening of files
	if err := os.MkdirAll(c.Actors, 0o700); err != nil {
		return nil, err
	}
	vault, err := s.openVault()
	if err != nil {
		return nil, err
	}
	system := mailbox.NewSystem(logger)
	s.closer.add("actors", func(context.Context) error { system.Shutdown(); return nil })

	log, seq, err := s.startSequencer(ctx, system)
	if err != nil {
		return nil, err
	}
	s.index = account.NewIndex()
	ids, err := s.startIdentities(system, vault)
	if err != nil {
		return nil, err
	}
	types, err := s.startLexicons(system, ids)
	if err != nil {
		return nil, err
	}
	bell := new(bell)
	accounts, err := account.Spawn(system, account.Options{Path: c.Accounts, Log: log, Index: s.index, Vault: vault, Mailed: bell.ring, Logger: logger})
	if err != nil {
		return nil, fmt.Errorf("accounts: %w", err)
	}
	s.closer.add("accounts", accounts.Stop)
	s.accounts = accounts.Address()
	private, err := account.OpenReads(ctx, c.Accounts, accountReads, "")
	if err != nil {
		return nil, fmt.Errorf("accounts: %w", err)
	}
	s.closer.add("account reads", plain(private))
	if err := s.startMailer(system, bell, extra.Mail); err != nil {
		return nil, err
	}

	if err := s.openBlobs(ctx); err != nil {
		return nil, err
	}
	s.startRepos(system, log, seq, vault)
	tokens := account.Tokens{Secret: []byte(c.JWTSecret), ServiceDID: c.DID}
	passwords := account.NewPasswords(account.PasswordOptions{})
	parts := sagaParts{system, log, seq, ids, vault, tokens, passwords}
	if err := s.startSagas(parts); err != nil {
		return nil, err
	}
	if err := s.startSweeper(system, ids, private); err != nil {
		return nil, err
	}
	if err := s.startWatch(ids, private); err != nil {
		return nil, err
	}

	s.http = s.newHTTP(httpParts{log, seq, ids, accounts.Address(), private, tokens, passwords, types, extra})
	s.background(log)
	return s, nil
}

func (s *Server) openVault() (*keys.Vault, error) {
	if err := os.MkdirAll(filepath.Dir(s.config.KEK), 0o700); err != nil {
		return nil, err
	}
	sealed, err := keys.AnySealed(s.config.Actors)
	if err != nil {
		return nil, err
	}
	// Never a new key over accounts whose keys an old one sealed.
	vault, created, err := keys.OpenVault(s.config.KEK, !sealed)
	if err != nil {
		return nil, fmt.Errorf("key-encryption key: %w", err)
	}
	if created {
		s.log.Warn("a key-encryption key was made; back it up, accounts cannot sign without it", "file", s.config.KEK)
	}
	return vault, vault.CheckSealed(s.config.Actors, 1)
}

func (s *Server) startSequencer(ctx context.Context, system *mailbox.System) (sequencing.Log, mailbox.Address[*sequencer.Sequencer], error) {
	var none mailbox.Address[*sequencer.Sequencer]
	h, err := sequencer.Spawn(ctx, system, sequencer.Options{
		Path: s.config.Sequencer, RingBytes: ringBytes, Window: s.config.BackfillWindow,
		Hostname: s.config.Hostname(), Crawlers: s.config.Crawlers,
		Client: outbound.NewClient(outbound.Options{AllowPrivate: true, AllowHTTP: true}), // the operator named the crawlers
		Logger: s.log,
	})
	if err != nil {
		return nil, none, fmt.Errorf("sequencer: %w", err)
	}
	s.closer.add("sequencer", h.Stop)
	return h.Log(), h.Address(), nil
}

func (s *Server) startRepos(system *mailbox.System, log sequencing.Log, seq mailbox.Address[*sequencer.Sequencer], vault *keys.Vault) {
	flusher := repo.NewFlusher(s.config.Actors, log, s.log)
	s.closer.add("flusher", func(context.Context) error { flusher.Close(); return nil })
	reaper := repo.NewReaper(s.blobs, func(ctx context.Context, did syntax.DID, m repo.ForgetBlobs) ([]cid.Cid, error) {
		return mailbox.Ask(ctx, s.repos.Of(did.String()), m)
	}, s.log)
	config := repo.Config{
		Root: s.config.Actors, Vault: vault, Log: log, Clock: s.clock,
		Flusher: flusher, Pending: &repo.Pending{}, Snapshots: s.shots, Logger: s.log,
		Reaper: reaper, BlobQuota: s.config.BlobQuota,
		Append: func(a sequencing.Append, done func(sequencing.Committed, error)) {
			mailbox.Post(context.Background(), seq, sequencer.Append{Chain: a}, done)
		},
	}
	awake := s.config.Awake
	if awake == 0 {
		awake = mailbox.LiveLimit(mailbox.OpenFile)
	}
	s.repos = mailbox.NewRouter(system, mailbox.RouterOptions{
		Name: "repo", Live: awake, Tick: 5 * time.Second, Log: s.log,
	}, func(key string, self mailbox.Self) *repo.Repo { return repo.New(config, syntax.DID(key), self) })
	s.closer.add("repos", s.repos.Close)
	s.closer.add("reaper", func(context.Context) error { reaper.Close(); return nil })
}

// httpParts is what the wire needs to know of the actors.
type httpParts struct {
	log       sequencing.Log
	seq       mailbox.Address[*sequencer.Sequencer]
	ids       mailbox.Address[*identity.Identities]
	accounts  mailbox.Address[*account.Accounts]
	private   *account.Reads
	tokens    account.Tokens
	passwords *account.Passwords
	types     atproto.RecordTypes
	extra     Extra
}

// Extra is what a development server shows beside the product's own routes.
type Extra struct {
	Home  nethttp.Handler // "/"
	Pages nethttp.Handler // "/dev/"
	Mail  mail.Transport  // takes all mail, whatever the settings say
	// CheckOutput turns an answer that is not what its lexicon says into an error.
	CheckOutput bool
}

func (s *Server) newHTTP(p httpParts) *http.Server {
	c := s.config
	stream := firehose.New(func(cursor *sequencing.Seq) (*sequencing.Subscription, error) {
		return mailbox.Ask(context.Background(), p.seq, sequencer.Subscribe{Cursor: cursor})
	}, s.log)
	limiter := c.newLimiter()
	up := s.newUpstream(p.ids)
	return http.New(http.Config{
		Limiter: limiter, Proxies: c.Limits.Proxies,
		Verifier: &auth.Verifier{
			Guesses: limiter.Guesses("admin-password", rate.Per5Min(30)),
			Tokens:  p.tokens, AdminPassword: c.AdminPassword, ModService: c.ModService.DID, Index: s.index,
			Audiences: []string{c.DID.String(), c.DID.String() + "#atproto_pds"},
			Key:       identity.NewDirectory(p.ids).SigningKey,
		},
		Service: &atproto.Service{
			DID: c.DID, URL: c.URL, Handles: c.Handles, HostedDIDWeb: c.HostWeb, Index: s.index, Accounts: p.accounts, Private: p.private, Emails: c.Emails,
			PLC: &plc.Signer{Directory: s.directory, Rotation: c.Rotation, Recovery: c.Recovery}, ReserveKey: s.reserveKey,
			SignIns: &account.SignIns{Accounts: p.accounts, Index: s.index, Reads: p.private, Passwords: p.passwords, Tokens: p.tokens, Floor: 350 * time.Millisecond},
			Tokens:  p.tokens, Sagas: s.sagas, Residence: s.resides, Repos: s.repos, Log: p.log, IDs: p.ids, Foreign: foreign(up), AskHandle: askHandle(up), Lexicons: lexicon.Embedded(), Types: p.types, Logger: s.log,
			Blobs: sweeper.Watch(s.blobs, sweeper.Tell(s.sweeper)), SpoolDir: s.spool, Imports: s.newImporter(p.ids), ImportLimit: c.ImportLimit,
			SignUps:   limiter.SignUps(rate.PerDay(c.Limits.SignUpsByAddress), rate.PerHour(c.Limits.SignUps)),
			Invites:   atproto.InviteRules{Required: c.InviteRequired, Interval: c.InviteInterval, Epoch: c.InviteEpoch},
			BlobLimit: c.BlobLimit, Contact: c.Contact, PrivacyPolicy: c.PrivacyPolicy,
			TermsOfService: c.TermsOfService, DIDDocs: c.DIDDocs,
		},
		Firehose: stream,
		Upstream: up,
		Bluesky:  &bsky.Service{Upstream: up, Index: s.index, Repos: s.repos, Lexicons: lexicon.Embedded(), URLs: c.AppViewURLs, Logger: s.log},
		Pages: &web.Pages{
			Identities: s.hosts, Version: c.Version, Home: p.extra.Home, Dev: p.extra.Pages,
			Healthy: func(ctx context.Context) error {
				if _, err := p.private.Private(ctx, c.DID); !errors.Is(err, account.ErrNotFound) {
					return err
				}
				return nil
			},
		},
		Logger: s.log, Metrics: prometheus.DefaultRegisterer, Connections: connections(), CheckOutput: p.extra.CheckOutput,
	})
}

// background starts what runs beside the actors: the sweep over accounts whose
// files lag behind the log.
func (s *Server) background(log sequencing.Log) {
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	done := make(chan struct{})
	go func() {
		defer close(done)
		n, err := repo.Sweep(ctx, log, s.repos, s.log)
		if err != nil && ctx.Err() == nil {
			s.log.Error("sweep over accounts that lag behind the log", "err", err)
		}
		if n > 0 {
			s.log.Info("accounts that lagged behind the log were woken", "accounts", n)
		}
	}()
	s.closer.add("sweep", func(context.Context) error { stop(); <-done; return nil })
}

// Run serves on l until ctx ends, then stops from the top down.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(l) }()
	go debug.FreeOSMemory() // reading every account leaves as much garbage as what is kept
	defer s.confirmClock()()
	s.log.Info("serving", "url", s.config.URL, "address", l.Addr(), "did", s.config.DID, "accounts", s.index.Len())
	var err error
	select {
	case err = <-served:
	case <-ctx.Done():
	}
	s.log.Info("stopping")
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	return errors.Join(err, s.http.Shutdown(limit), s.closer.closeAll(limit))
}

// confirmClock takes SIGHUP as the operator's word that the wall clock is
// right: after a jump ahead, commits are refused until then.
func (s *Server) confirmClock() (stop func()) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-hup:
				s.clock.Confirm()
				s.log.Info("the wall clock is confirmed")
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(hup)
		close(done)
	}
}

// connections is how many sockets may be open: a quarter of the descriptors is
// left by the account files, and some of those are the server's own.
func connections() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1024
	}
	return int(min(max(limit.Cur/4, 128)-64, 100_000))
}
