package mail

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"net/mail"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// sink is a mail server inside the process.
type sink struct {
	addr string

	mu       sync.Mutex
	mails    []*received
	password string // "": none is asked for
	from     error  // what it says to a sender,
	rcpt     error  // a recipient,
	data     error  // a mail
	stall    time.Duration
}

type received struct {
	from, to string
	header   mail.Header
	raw      []byte
}

// newSink starts one; encrypted begins with TLS, starttls offers it.
func newSink(t *testing.T, encrypted, starttls bool) *sink {
	t.Helper()
	s := &sink{}
	server := smtp.NewServer(s)
	server.Domain, server.AllowInsecureAuth = "sink.test", true
	server.ReadTimeout, server.WriteTimeout = 5*time.Second, 5*time.Second
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	if encrypted || starttls {
		config := &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
		if starttls {
			server.TLSConfig = config
		} else {
			l = tls.NewListener(l, config)
		}
	}
	server.ErrorLog = quiet{}
	done := make(chan struct{})
	go func() { defer close(done); server.Serve(l) }()
	t.Cleanup(func() { server.Close(); <-done })
	return s
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sink"}, NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// set changes how the sink behaves.
func (s *sink) set(fn func(*sink)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn(s)
}

func (s *sink) all() []*received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*received(nil), s.mails...)
}

func (s *sink) port(t *testing.T) int {
	_, p, _ := net.SplitHostPort(s.addr)
	n, err := strconv.Atoi(p)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (s *sink) NewSession(*smtp.Conn) (smtp.Session, error) {
	return &session{sink: s, now: &received{}}, nil
}

type session struct {
	sink   *sink
	now    *received
	signed bool
}

func (x *session) AuthMechanisms() []string {
	x.sink.mu.Lock()
	defer x.sink.mu.Unlock()
	if x.sink.password == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (x *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "user@test" || password != x.sink.password {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "Authentication credentials invalid"}
		}
		x.signed = true
		return nil
	}), nil
}

func (x *session) Mail(from string, _ *smtp.MailOptions) error {
	x.sink.mu.Lock()
	stall, err, locked := x.sink.stall, x.sink.from, x.sink.password != "" && !x.signed
	x.sink.mu.Unlock()
	time.Sleep(stall)
	if locked {
		return smtp.ErrAuthRequired
	}
	x.now.from = from
	return err
}

func (x *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	x.now.to = to
	x.sink.mu.Lock()
	defer x.sink.mu.Unlock()
	return x.sink.rcpt
}

func (x *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	x.sink.mu.Lock()
	defer x.sink.mu.Unlock()
	if x.sink.data != nil {
		return x.sink.data
	}
	x.now.raw = raw
	x.sink.mails = append(x.sink.mails, x.now)
	return nil
}

func (x *session) Reset()        { x.now = &received{} }
func (x *session) Logout() error { return nil }

func refusal(code int, text string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: text}
}

var errAnything = errors.New("anything")
