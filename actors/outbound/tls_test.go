package outbound

import (
	"crypto/tls"
	"testing"
)

// The default is https; the certificate must be for the name asked for, and two names
// on one address never share a connection.
func TestTLS(t *testing.T) {
	pub, _, o := world(t, true, ok, map[string]string{
		"example.com": internet, "www.example.com": internet, "stranger.org": internet,
	})
	client := NewClient(o)
	for _, host := range []string{"example.com", "www.example.com"} {
		resp, err := client.Get("https://" + on(host, pub))
		if err != nil {
			t.Fatal(err)
		}
		if body, err := ReadAll(resp, 100); err != nil || string(body) != "hello" || resp.ProtoMajor != 2 {
			t.Errorf("%s: %q over %s, %v", host, body, resp.Proto, err)
		}
	}
	if n := pub.conn.Load(); n != 2 {
		t.Errorf("%d connections for two names, want one each", n)
	}
	if _, err := client.Get("https://" + on("stranger.org", pub)); err == nil {
		t.Error("a certificate for another name was accepted")
	}
	o.TLS = &tls.Config{}
	if _, err := NewClient(o).Get("https://" + on("example.com", pub)); err == nil {
		t.Error("an unknown certificate authority was accepted")
	}
}
