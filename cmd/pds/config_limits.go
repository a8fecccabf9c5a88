package main

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"troupe/http/rate"
)

// Limits is how often strangers may ask.
type Limits struct {
	On               bool
	BypassKey        string
	Bypass           []netip.Prefix // addresses that may ask as often as they like
	Proxies          []netip.Prefix // that are believed about who their client is, beside private addresses
	SignUpsByAddress int64          // accounts that an address may make in a day; 0: any number
	SignUps          int64          // accounts that are made in an hour; 0: any number
}

// readLimits reads Limits. Whoever develops is alone, so dev mode has none
// unless it is told to.
func (c *Config) readLimits(s *settings) {
	c.Limits = Limits{
		On:               s.flag("PDS_RATE_LIMITS_ENABLED", !c.Dev),
		BypassKey:        s.text("PDS_RATE_LIMIT_BYPASS_KEY"),
		Bypass:           s.addresses("PDS_RATE_LIMIT_BYPASS_IPS"),
		Proxies:          s.addresses("PDS_TRUSTED_PROXIES"),
		SignUpsByAddress: s.number("PDS_SIGNUPS_PER_IP_PER_DAY", 0),
		SignUps:          s.number("PDS_SIGNUPS_PER_HOUR", 0),
	}
	if c.Limits.On { // the reference's: whoever may ask for others may also say so
		c.Limits.Proxies = slices.Concat(c.Limits.Proxies, c.Limits.Bypass)
	}
}

// addresses is a list of addresses and CIDR ranges.
func (s *settings) addresses(name string) []netip.Prefix {
	var all []netip.Prefix
	for _, v := range s.list(name) {
		p, err := netip.ParsePrefix(v)
		if !strings.Contains(v, "/") {
			var a netip.Addr
			a, err = netip.ParseAddr(v)
			a = a.Unmap().WithZone("")
			p = netip.PrefixFrom(a, a.BitLen())
		}
		if err != nil {
			s.fail("%s must list addresses or CIDR ranges, not %q", name, v)
		}
		all = append(all, p.Masked())
	}
	return all
}

// newLimiter makes the limiter of a server; nil if it has none.
func (c Config) newLimiter() *rate.Limiter {
	if !c.Limits.On {
		return nil
	}
	return rate.New(rate.Options{BypassKey: c.Limits.BypassKey, Bypass: c.Limits.Bypass, Metrics: prometheus.DefaultRegisterer})
}
