package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestLimitSettings(t *testing.T) {
	for _, c := range []struct {
		set  string
		want string // Limits
		err  string
	}{
		{"", "{On:true BypassKey: Bypass:[] Proxies:[] SignUpsByAddress:0 SignUps:0}", ""},
		{"PDS_RATE_LIMITS_ENABLED=false", "{On:false BypassKey: Bypass:[] Proxies:[] SignUpsByAddress:0 SignUps:0}", ""},
		{"PDS_DEV_MODE=true", "{On:false BypassKey: Bypass:[] Proxies:[] SignUpsByAddress:0 SignUps:0}", ""},
		{"PDS_DEV_MODE=true PDS_RATE_LIMITS_ENABLED=1", "{On:true BypassKey: Bypass:[] Proxies:[] SignUpsByAddress:0 SignUps:0}", ""},
		{"PDS_RATE_LIMIT_BYPASS_KEY=k PDS_SIGNUPS_PER_IP_PER_DAY=9 PDS_SIGNUPS_PER_HOUR=7", "{On:true BypassKey:k Bypass:[] Proxies:[] SignUpsByAddress:9 SignUps:7}", ""},
		// Who may ask for others may also say so, as long as there are limits; what is a range is one.
		{"PDS_RATE_LIMIT_BYPASS_IPS=192.0.2.7,198.51.100.9/24,2001:db8::1/64,::ffff:203.0.113.1", "{On:true BypassKey: " +
			"Bypass:[192.0.2.7/32 198.51.100.0/24 2001:db8::/64 203.0.113.1/32] Proxies:[192.0.2.7/32 198.51.100.0/24 2001:db8::/64 203.0.113.1/32] SignUpsByAddress:0 SignUps:0}", ""},
		{"PDS_RATE_LIMITS_ENABLED=0 PDS_RATE_LIMIT_BYPASS_IPS=192.0.2.7 PDS_TRUSTED_PROXIES=192.0.2.8", "{On:false BypassKey: Bypass:[192.0.2.7/32] Proxies:[192.0.2.8/32] SignUpsByAddress:0 SignUps:0}", ""},
		{"PDS_TRUSTED_PROXIES=192.0.2.8/33", "", `PDS_TRUSTED_PROXIES must list addresses or CIDR ranges, not "192.0.2.8/33"`},
		{"PDS_RATE_LIMIT_BYPASS_IPS=localhost", "", "PDS_RATE_LIMIT_BYPASS_IPS must list addresses"},
		{"PDS_SIGNUPS_PER_HOUR=few", "", "PDS_SIGNUPS_PER_HOUR must be a whole number"},
	} {
		values := map[string]string{
			"PDS_DATA_DIRECTORY": "/data", "PDS_JWT_SECRET": "s", "PDS_ADMIN_PASSWORD": "a",
			"PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX": strings.Repeat("11", 32),
		}
		for pair := range strings.FieldsSeq(c.set) {
			name, value, _ := strings.Cut(pair, "=")
			values[name] = value
		}
		s, err := newSettings(values, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		got, err := readConfig(s)
		switch {
		case c.err == "" && (err != nil || fmt.Sprintf("%+v", got.Limits) != c.want):
			t.Errorf("%s: %+v, %v\nwant %s", c.set, got.Limits, err, c.want)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s: %v, want %s", c.set, err, c.err)
		}
	}
}
