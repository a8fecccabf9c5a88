package main

import (
	"encoding/hex"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
	"troupe/actors/mail"
	"troupe/http/bsky"
	"troupe/storage/blob"
)

// Config is what a server was told. It is complete: every default is filled in.
type Config struct {
	Address string // host:port to listen on
	URL     string // public, without a trailing slash
	DID     syntax.DID
	Handles account.HandleRules
	HostWeb bool // newcomers may have a did:web of their handle
	Watch   bool // DIDs of accounts are looked at now and then
	Pace    time.Duration
	Version string

	Data         string // directory of everything below
	Accounts     string // account.sqlite
	Sequencer    string
	DIDCache     string
	LexiconCache string
	Actors       string // folder of the accounts' folders
	KEK          string // file of the key-encryption key
	Awake        int    // accounts that are awake at a time; 0: what the machine can keep

	Blobs      string          // folder of the accounts' blobs; "": they are in a bucket
	BlobBucket *blob.S3Options // nil: they are in the folder; both: they are being moved
	BlobSpool  string          // folder of uploads under way

	JWTSecret     string
	AdminPassword string
	Rotation      atcrypto.PrivateKey
	Recovery      atcrypto.PublicKey // nil: none

	PLC             string
	ResolverTimeout time.Duration
	FetchLimit      int64 // bytes of a document that a stranger's host answers with
	CacheFresh      time.Duration
	CacheStale      time.Duration
	Nameservers     []string // asked for handles when DNS gave nothing
	AllowPrivate    bool     // outbound calls may go to private addresses

	ResolveLexicons  bool       // unknown record types are looked for on the network
	LexiconAuthority syntax.DID // whose repository has all of them; "": what DNS says

	Crawlers       []string
	BackfillWindow time.Duration

	InviteRequired bool
	Await          account.Awaits // what everybody waits for who has signed up
	InviteInterval time.Duration  // in which an account earns an invite code; 0: it earns none
	InviteEpoch    time.Time      // from when on
	DIDDocs        bool
	BlobLimit      int64
	ImportLimit    int64         // bytes of a repository that is taken in
	Imports        bool          // whether any is
	UploadLifetime time.Duration // an upload that no record uses by then is removed
	BlobQuota      int64         // bytes of blobs that an account may keep; 0: any number
	Contact        string
	PrivacyPolicy  string
	TermsOfService string

	Mail           mail.Route  // nil transport: mail waits for the operator
	ModerationMail *mail.Route // nil: it goes the way of all mail
	Brand          mail.Brand
	Emails         account.EmailRules

	AppView       RemoteService // the service that most methods are passed on to; zero: none
	AppViewURLs   bsky.URLs     // of pictures and videos, as that service gives them out
	ModService    RemoteService // the moderation service; zero: none
	ReportService RemoteService // who takes reports; zero: the moderation service
	Proxy         ProxyConfig

	Limits Limits

	Metrics string // address of the metrics listener; "": none
	Dev     bool
}

// RemoteService is a service of the network that the operator named.
type RemoteService struct {
	DID syntax.DID
	URL string // origin, without a path
}

// Hostname is the public name without a port.
func (c Config) Hostname() string {
	host := c.URL[strings.Index(c.URL, "//")+2:]
	host, _, _ = strings.Cut(host, ":")
	return host
}

// readConfig makes a Config of settings, or says in one sentence why not.
func readConfig(s *settings) (Config, error) {
	s.refuse("PDS_ENTRYWAY_", "this server is not run behind an entryway")
	s.refuse("PDS_REDIS_", "this server is one process and keeps no state in Redis")
	s.refuse("PDS_PLC_ROTATION_KEY_KMS_KEY_ID", "the rotation key comes from PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX")
	for _, group := range [][]string{
		{"PDS_BSKY_APP_VIEW_URL", "PDS_BSKY_APP_VIEW_DID"},
		{"PDS_MOD_SERVICE_URL", "PDS_MOD_SERVICE_DID"},
		{"PDS_REPORT_SERVICE_URL", "PDS_REPORT_SERVICE_DID"},
		{"PDS_BLOBSTORE_S3_ACCESS_KEY_ID", "PDS_BLOBSTORE_S3_SECRET_ACCESS_KEY"},
		{"PDS_HCAPTCHA_SITE_KEY", "PDS_HCAPTCHA_SECRET_KEY", "PDS_HCAPTCHA_TOKEN_SALT"},
	} {
		s.together(group...)
		for _, name := range group {
			delete(s.read, name) // looked at for consistency only
		}
	}
	c := Config{Version: s.textOr("PDS_VERSION", version), Dev: s.flag("PDS_DEV_MODE", false)}
	c.readService(s)
	c.readStorage(s)
	c.readSecrets(s)
	c.readIdentity(s)
	c.Crawlers = s.list("PDS_CRAWLERS")
	c.BackfillWindow = s.millis("PDS_REPO_BACKFILL_LIMIT_MS", 24*time.Hour)
	c.InviteRequired = s.flag("PDS_INVITE_REQUIRED", true)
	if s.flag("PDS_SIGNUP_EMAIL_CONFIRMATION", false) {
		c.Await |= account.AwaitsEmail
	}
	if s.flag("PDS_SIGNUP_APPROVAL", false) {
		c.Await |= account.AwaitsApproval
	}
	c.InviteInterval = s.millis("PDS_INVITE_INTERVAL", 0)
	c.InviteEpoch = time.UnixMilli(s.number("PDS_INVITE_EPOCH", 0))
	c.readImports(s)
	c.readProxy(s)
	c.readLimits(s)
	c.readMail(s)
	c.Metrics = s.text("PDS_METRICS_ADDRESS")
	if c.Await&account.AwaitsEmail != 0 && c.Mail.Transport == nil && !c.Dev {
		s.fail("PDS_SIGNUP_EMAIL_CONFIRMATION is set, so PDS_EMAIL_SMTP_URL must be set too: nobody could confirm an address")
	}
	return c, s.err
}

func (c *Config) readService(s *settings) {
	port := s.number("PDS_PORT", 2583)
	if port > 65535 {
		s.fail("PDS_PORT must be at most 65535, not %d", port)
	}
	hostname := s.textOr("PDS_HOSTNAME", "localhost")
	c.Address = s.text("PDS_BIND_ADDRESS") + ":" + strconv.FormatInt(port, 10)
	c.URL = "https://" + hostname
	if hostname == "localhost" {
		c.URL = "http://localhost:" + strconv.FormatInt(port, 10)
	}
	did, err := syntax.ParseDID(s.textOr("PDS_SERVICE_DID", "did:web:"+hostname))
	if err != nil {
		s.fail("PDS_SERVICE_DID or PDS_HOSTNAME does not make a DID: %v", err)
	}
	c.DID = did
	c.readHandles(s, hostname)
	c.DIDDocs = s.flag("PDS_ENABLE_DID_DOC_WITH_SESSION", false)
	c.Contact = s.text("PDS_CONTACT_EMAIL_ADDRESS")
	c.PrivacyPolicy = s.text("PDS_PRIVACY_POLICY_URL")
	c.TermsOfService = s.text("PDS_TERMS_OF_SERVICE_URL")
}

func (c *Config) readStorage(s *settings) {
	c.Data = s.required("PDS_DATA_DIRECTORY", "it is the directory that holds every account")
	c.Accounts = s.textOr("PDS_ACCOUNT_DB_LOCATION", filepath.Join(c.Data, "account.sqlite"))
	c.Sequencer = s.textOr("PDS_SEQUENCER_DB_LOCATION", filepath.Join(c.Data, "sequencer.sqlite"))
	c.DIDCache = s.textOr("PDS_DID_CACHE_DB_LOCATION", filepath.Join(c.Data, "did_cache.sqlite"))
	c.LexiconCache = filepath.Join(c.Data, "lexicon_cache.sqlite")
	c.Actors = s.textOr("PDS_ACTOR_STORE_DIRECTORY", filepath.Join(c.Data, "actors"))
	c.Awake = int(s.number("PDS_ACTOR_STORE_CACHE_SIZE", 0))
	c.KEK = s.textOr("PDS_KEY_ENCRYPTION_KEY_FILE", filepath.Join(c.Data, "keys", "kek"))
	c.readBlobs(s)
}

func (c *Config) readSecrets(s *settings) {
	c.JWTSecret = s.required("PDS_JWT_SECRET", "it signs session tokens; make one with: openssl rand -hex 32")
	c.AdminPassword = s.required("PDS_ADMIN_PASSWORD", "it is the operator's password; make one with: openssl rand -hex 16")
	secret := s.required("PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX", "it signs changes of DIDs; make one with: openssl ecparam -name secp256k1 -genkey -noout -outform DER | tail -c +8 | head -c 32 | xxd -p -c 32")
	if secret == "" {
		return
	}
	raw, err := hex.DecodeString(secret)
	if err == nil {
		c.Rotation, err = atcrypto.ParsePrivateBytesK256(raw)
	}
	if err != nil {
		// The value is a secret and is not repeated.
		s.fail("PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX must be a secp256k1 private key in 64 hex digits")
	}
}

func (c *Config) readIdentity(s *settings) {
	c.PLC = strings.TrimSuffix(s.textOr("PDS_DID_PLC_URL", "https://plc.directory"), "/")
	c.ResolverTimeout = s.millis("PDS_ID_RESOLVER_TIMEOUT", 3*time.Second)
	c.FetchLimit = s.number("PDS_FETCH_MAX_RESPONSE_SIZE", 512<<10)
	c.CacheFresh = s.millis("PDS_DID_CACHE_STALE_TTL", time.Hour)
	c.CacheStale = s.millis("PDS_DID_CACHE_MAX_TTL", 24*time.Hour)
	c.Nameservers = s.list("PDS_HANDLE_BACKUP_NAMESERVERS")
	c.AllowPrivate = s.flag("PDS_DISABLE_SSRF_PROTECTION", c.Dev)
	// Off in development too: a lexicon that is being written must not be held to the
	// published one, and a test that writes a record must not ask anybody's DNS.
	c.ResolveLexicons = s.flag("PDS_LEXICON_RESOLUTION", false)
	if did := s.text("PDS_LEXICON_AUTHORITY_DID"); did != "" {
		var err error
		if c.LexiconAuthority, err = syntax.ParseDID(did); err != nil {
			s.fail("PDS_LEXICON_AUTHORITY_DID must be a DID: %v", err)
		}
	}
	if k := s.text("PDS_RECOVERY_DID_KEY"); k != "" {
		key, err := atcrypto.ParsePublicDIDKey(k)
		if err != nil {
			s.fail("PDS_RECOVERY_DID_KEY must be a did:key: %v", err)
		}
		c.Recovery = key
	}
}
