package xrpc

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ClientIP returns the address a request came from. X-Forwarded-For counts only as far as the hops that wrote it are our
// own proxies (loopback, link-local and private addresses, and those of proxies): it is read from the right, and the
// first other address is the client's. What a client writes itself stands further left and is never looked at.
// The zero Addr means that the peer has none (a unix socket without a proxy header).
func ClientIP(r *http.Request, proxies []netip.Prefix) netip.Addr {
	client, ok := peer(r.RemoteAddr)
	if ok && !trusted(client, proxies) {
		return client
	}
	forwarded := r.Header["X-Forwarded-For"]
	if len(forwarded) == 0 {
		return client
	}
	hops := strings.Split(strings.Join(forwarded, ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, ok := peer(strings.TrimSpace(hops[i]))
		if !ok {
			break // not an address: nothing left of it can be believed
		}
		client = hop
		if !trusted(hop, proxies) {
			break
		}
	}
	return client
}

// peer parses an address with or without a port, a zone or brackets.
func peer(s string) (netip.Addr, bool) {
	if strings.IndexByte(s, ':') >= 0 { // otherwise there is no port
		if a, err := netip.ParseAddrPort(s); err == nil {
			return a.Addr().Unmap().WithZone(""), true
		}
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return a.Unmap().WithZone(""), err == nil
}

func trusted(a netip.Addr, proxies []netip.Prefix) bool {
	return a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsPrivate() ||
		slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}
