package outbound

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"sync/atomic"
	"testing"

	"troupe/actors/outbound/outboundtest"
)

// site is a server on one loopback address that counts connections and requests.
type site struct {
	*httptest.Server
	port uint16
	conn atomic.Int64
	hits atomic.Int64
}

// listen serves h on address. All sites of a test share a port, because the port is
// part of the policy under test.
func listen(t *testing.T, network, address string, secure bool, h http.HandlerFunc) *site {
	t.Helper()
	s := &site{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.hits.Add(1)
		h(w, r)
	}))
	l, err := net.Listen(network, address)
	if err != nil {
		t.Skipf("no %s here: %v", address, err)
	}
	s.Listener.Close()
	s.Listener = l
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.conn.Add(1)
		}
	}
	if secure {
		s.EnableHTTP2 = true
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	s.port = netip.MustParseAddrPort(l.Addr().String()).Port()
	return s
}

const internet = "127.0.0.2" // stands for a public address

// world is a public site, an internal one on the same port, and options under which
// the first can be reached.
func world(t *testing.T, secure bool, public http.HandlerFunc, zone map[string]string) (pub, internal *site, o Options) {
	t.Helper()
	pub = listen(t, "tcp4", internet+":0", secure, public)
	internal = listen(t, "tcp4", "127.0.0.1:"+strconv.Itoa(int(pub.port)), secure, func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte("secret"))
	})
	o = Options{
		AllowHTTP: !secure,
		Ports:     []uint16{pub.port},
		Resolver:  outboundtest.NewDNS(outboundtest.Hosts(zone)).Resolver(),
		public:    []netip.Prefix{netip.MustParsePrefix(internet + "/32")},
	}
	if secure {
		roots := x509.NewCertPool()
		roots.AddCert(pub.Certificate())
		o.TLS = &tls.Config{RootCAs: roots}
	}
	return pub, internal, o
}

func ok(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("hello")) }

func on(host string, s *site) string { return host + ":" + strconv.Itoa(int(s.port)) }
