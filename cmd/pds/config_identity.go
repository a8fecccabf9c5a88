package main

import (
	"strings"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// readHandles reads which handles the server gives out, and what goes with them.
//
//	PDS_SERVICE_HANDLE_DOMAINS  domains of handles, each with its leading dot
//	PDS_APEX_HANDLES            the operator may give an account the bare name of such
//	                            a domain (com.atproto.admin.updateAccountHandle)
//	PDS_HOSTED_DID_WEB          newcomers may ask for did:web:<handle> under such a
//	                            domain; this server answers for it from then on
//	PDS_PLC_WATCH               whether the directory is asked once a day for changes of
//	                            accounts' DIDs that were made elsewhere (true)
//	PDS_PLC_WATCH_PAUSE_MS      pause between two accounts (1000)
func (c *Config) readHandles(s *settings, hostname string) {
	domains := s.list("PDS_SERVICE_HANDLE_DOMAINS")
	if len(domains) == 0 {
		domains = []string{"." + hostname}
		if hostname == "localhost" {
			domains = []string{".test"}
		}
	}
	for i, d := range domains {
		domains[i] = strings.ToLower(d)
		if _, err := syntax.ParseHandle("a" + domains[i]); !strings.HasPrefix(d, ".") || err != nil {
			s.fail("PDS_SERVICE_HANDLE_DOMAINS must list domains that begin with a dot, not %q", d)
		}
	}
	c.Handles.Domains = domains
	c.Handles.Apex = s.flag("PDS_APEX_HANDLES", false)
	c.HostWeb = s.flag("PDS_HOSTED_DID_WEB", false)
	c.Watch = s.flag("PDS_PLC_WATCH", true)
	c.Pace = s.millis("PDS_PLC_WATCH_PAUSE_MS", time.Second)
}
