package main

import (
	"io"
	"os"
	"strings"

	"troupe/cmd/pds/operator"
)

type inviteCommand struct{ operator.InviteCommands }

type crawlCommand struct{ operator.CrawlCommand }

// connectTo finds the server that a command asks, as the flags of the command
// and the settings of the server say. out is what commands print to.
func connectTo(out io.Writer) operator.Connect {
	return func(r operator.Remote) (*operator.Server, error) {
		s, err := newSettings(nil, os.Environ(), r.EnvFile)
		if err != nil {
			return nil, err
		}
		hostname := s.textOr("PDS_HOSTNAME", "localhost")
		url := "https://" + hostname
		switch {
		case strings.Contains(r.Host, "://"):
			url = strings.TrimSuffix(r.Host, "/")
		case r.Host != "":
			url = "https://" + r.Host
		case hostname == "localhost":
			url = "http://localhost:" + s.textOr("PDS_PORT", "2583")
		}
		if r.Host != "" { // relays know the server that was named
			_, hostname, _ = strings.Cut(url, "://")
		}
		return &operator.Server{
			URL: url, Password: s.text("PDS_ADMIN_PASSWORD"), Crawlers: s.list("PDS_CRAWLERS"), Hostname: hostname, Out: out,
		}, nil
	}
}
