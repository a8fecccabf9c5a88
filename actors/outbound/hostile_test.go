package outbound

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"troupe/actors/outbound/outboundtest"
)

// TestHostileTargets asks for places that a stranger must not make us visit. PORT is
// the port that the policy allows and on which an internal site listens.
func TestHostileTargets(t *testing.T) {
	zone := map[string]string{
		"good.example": internet,
		// What a lenient resolver makes of spellings that are no addresses to Go.
		"2130706433": "127.0.0.1", "0x7f000001": "127.0.0.1", "0177.0.0.1": "127.0.0.1",
		"0x7f.1": "127.0.0.1", "127.1": "127.0.0.1", "0": "0.0.0.0", "127.0.0.1.nip": "127.0.0.1",
		"localhost.example": "127.0.0.1", "six.example": "::1", "mapped.example": "::ffff:127.0.0.1",
		"any.example": "0.0.0.0", "any6.example": "::", "ten.example": "10.1.2.3",
		"docker.example": "172.17.0.1", "lan.example": "192.168.1.1", "meta.example": "169.254.169.254",
		"cgnat.example": "100.64.0.1", "bench.example": "198.18.0.1", "multi.example": "224.0.0.1",
		"class-e.example": "240.0.0.1", "broadcast.example": "255.255.255.255", "test-net.example": "192.0.2.1",
		"protocol.example": "192.0.0.8", "relay.example": "192.88.99.1", "nat64.example": "64:ff9b::7f00:1",
		"nat64-local.example": "64:ff9b:1::a00:1", "6to4.example": "2002:7f00:1::", "teredo.example": "2001:0:7f00:1::1",
		"ula.example": "fd00::1", "ula-c.example": "fc00::1", "link6.example": "fe80::1", "site6.example": "fec0::1",
		"multi6.example": "ff02::1", "doc6.example": "2001:db8::1", "doc6b.example": "3fff::1",
		"discard6.example": "100::1", "compat6.example": "::127.0.0.1", "srv6.example": "5f00::1",
		"aws6.example": "fd00:ec2::254", "orchid.example": "2001:20::1",
	}
	targets := []string{
		"http://127.0.0.1:PORT/", "http://127.0.0.53:PORT/", "http://127.255.255.254:PORT/",
		"http://localhost:PORT/", "http://[::1]:PORT/", "http://[::]:PORT/", "http://0.0.0.0:PORT/",
		"http://[::ffff:127.0.0.1]:PORT/", "http://[::ffff:7f00:1]:PORT/", "http://[64:ff9b::127.0.0.1]:PORT/",
		"http://[2002:7f00:1::]:PORT/", "http://[2001:0:7f00:1::1]:PORT/", "http://[fe80::1%25lo]:PORT/",
		"http://[fd00:ec2::254]:PORT/", "http://169.254.169.254:PORT/latest/meta-data/",
		// Full-width digits and dots become ASCII on the way to the dialler.
		"http://127。0。0。1:PORT/", "http://１２７.０.０.１:PORT/", "http://①②⑦.⓪.⓪.①:PORT/",
		"http://good.example@127.0.0.1:PORT/", "http://good.example:PORT@good.example:PORT/", "http://user:pw@good.example:PORT/",
		"http://good.example:22/", "http://good.example:25/", "http://good.example:6379/", "http://good.example:80/",
		"ftp://good.example:PORT/", "file:///etc/passwd", "unix:///var/run/docker.sock", "gopher://127.0.0.1:PORT/_x",
		"http:///nohost", "http://:PORT/",
	}
	for name := range zone {
		if name != "good.example" {
			targets = append(targets, "http://"+name+":PORT/")
		}
	}
	if len(targets) < 40 {
		t.Fatalf("only %d targets", len(targets))
	}

	pub, internal, o := world(t, false, ok, zone)
	client := NewClient(o)
	resp, err := client.Get("http://" + on("good.example", pub))
	if err != nil {
		t.Fatalf("the good site cannot be reached, so refusals would prove nothing: %v", err)
	}
	resp.Body.Close()
	before := pub.conn.Load()

	for _, target := range targets {
		t.Run(target, func(t *testing.T) {
			url := strings.ReplaceAll(target, "PORT", strings.TrimPrefix(on("", pub), ":"))
			req, err := http.NewRequest(http.MethodGet, url, nil)
			if err != nil {
				return // not even a URL
			}
			resp, err := client.Do(req)
			if err == nil {
				resp.Body.Close()
				t.Fatalf("answered with %s", resp.Status)
			}
			var dns *net.DNSError
			if errors.As(err, &dns) && dns.IsNotFound && numeric(req.URL.Hostname()) {
				return // Go's own resolver does not even look up such names
			}
			if !errors.Is(err, ErrForbidden) {
				t.Fatalf("%v, want ErrForbidden", err)
			}
		})
	}
	if n := internal.conn.Load(); n != 0 {
		t.Errorf("%d connections to the internal site", n)
	}
	if n := pub.conn.Load() - before; n != 0 {
		t.Errorf("%d connections to the good site", n)
	}
}

func numeric(host string) bool { return strings.Trim(host, "0123456789.") == "" }

// A name whose answer flips to an internal address is judged at each dial by the
// address that is dialled.
func TestRebinding(t *testing.T) {
	pub, internal, o := world(t, false, ok, nil)
	var asked atomic.Int64
	dns := &outboundtest.DNS{Lookup: func(string) (outboundtest.Answer, bool) {
		addr := internet
		if asked.Add(1) > 2 { // A and AAAA of the first dial
			addr = "127.0.0.1"
		}
		return outboundtest.Answer{Addrs: []netip.Addr{netip.MustParseAddr(addr)}}, true
	}}
	o.Resolver = dns.Resolver()
	client := NewClient(o)
	url := "http://" + on("flip.example", pub)
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	ReadAll(resp, 100)
	client.CloseIdleConnections()
	for range 5 {
		resp, err = client.Get(url)
		if err == nil {
			resp.Body.Close()
		}
		if !errors.Is(err, ErrForbidden) {
			t.Fatalf("after the flip: %v, want ErrForbidden", err)
		}
	}
	if n := internal.conn.Load(); n != 0 {
		t.Errorf("%d connections to the internal site", n)
	}
}

// A name with an internal and a public address leads to the public one.
func TestMixedAddresses(t *testing.T) {
	pub, internal, o := world(t, false, ok, map[string]string{"mixed.example": "127.0.0.1 " + internet})
	resp, err := NewClient(o).Get("http://" + on("mixed.example", pub))
	if err != nil {
		t.Fatal(err)
	}
	body, _ := ReadAll(resp, 100)
	if string(body) != "hello" || internal.conn.Load() != 0 {
		t.Errorf("got %q, %d internal connections", body, internal.conn.Load())
	}
}

func TestAllowPrivate(t *testing.T) {
	_, internal, o := world(t, false, ok, map[string]string{"svc.example": "127.0.0.1"})
	o.AllowPrivate, o.Ports = true, nil
	for _, host := range []string{"127.0.0.1", "svc.example"} {
		resp, err := NewClient(o).Get("http://" + on(host, internal))
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := ReadAll(resp, 100); string(body) != "secret" {
			t.Errorf("got %q", body)
		}
	}
	o.Ports = []uint16{1}
	if _, err := NewClient(o).Get("http://" + on("127.0.0.1", internal)); !errors.Is(err, ErrForbidden) {
		t.Errorf("port outside the list: %v, want ErrForbidden", err)
	}
}

func TestSchemes(t *testing.T) {
	pub, _, o := world(t, false, ok, map[string]string{"good.example": internet})
	o.AllowHTTP = false
	if _, err := NewClient(o).Get("http://" + on("good.example", pub)); !errors.Is(err, ErrForbidden) {
		t.Errorf("http without AllowHTTP: %v, want ErrForbidden", err)
	}
	if pub.conn.Load() != 0 {
		t.Error("the site was dialled")
	}
}

// The environment must not route calls around the check.
func TestNoProxy(t *testing.T) {
	transport := NewClient(Options{}).Transport.(*guard).next.(*http.Transport)
	if transport.Proxy != nil {
		t.Error("the transport asks the environment for a proxy")
	}
}
