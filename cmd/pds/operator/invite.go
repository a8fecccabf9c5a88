package operator

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// InviteCommands is `pds invite`.
type InviteCommands struct {
	Create inviteCommand `cmd:"" help:"Make an invite code."`
}

type inviteCommand struct {
	Remote
	Uses int64  `help:"How often it may be used." default:"1"`
	For  string `help:"DID of an account that may give it away. Default: the operator."`
}

// Run makes an invite code and prints it, nothing else: for scripts.
func (c *inviteCommand) Run(ctx context.Context, connect Connect) error {
	s, err := connect(c.Remote)
	if err != nil {
		return err
	}
	code, err := s.invite(ctx, c.Uses, c.For)
	if err == nil {
		fmt.Fprintln(s.Out, code)
	}
	return err
}

func (s *Server) invite(ctx context.Context, uses int64, owner string) (string, error) {
	in := map[string]any{"useCount": uses}
	if owner != "" {
		in["forAccount"] = owner
	}
	var out struct{ Code string }
	err := s.call(ctx, "com.atproto.server.createInviteCode", in, &out)
	return out.Code, err
}

// CrawlCommand is `pds request-crawl`.
type CrawlCommand struct {
	Remote
	Relays []string `arg:"" optional:"" help:"Host names or URLs. Default: PDS_CRAWLERS."`
}

// Run asks relays to come by. All of them are asked, whatever one answers.
func (c *CrawlCommand) Run(ctx context.Context, connect Connect) error {
	s, err := connect(c.Remote)
	if err != nil {
		return err
	}
	relays := c.Relays
	if len(relays) == 0 {
		relays = s.Crawlers
	}
	if len(relays) == 0 {
		return errors.New("name a relay, or set PDS_CRAWLERS")
	}
	var failed error
	for _, relay := range relays {
		if !strings.Contains(relay, "://") {
			relay = "https://" + relay
		}
		err := s.ask(ctx, "POST", strings.TrimSuffix(relay, "/")+"/xrpc/com.atproto.sync.requestCrawl", map[string]string{"hostname": s.Hostname}, false, nil)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", relay, err))
			continue
		}
		fmt.Fprintf(s.Out, "%s was asked to crawl %s\n", relay, s.Hostname)
	}
	return failed
}

// confirmed asks the person at the terminal.
func confirmed(question string) bool {
	fmt.Fprintf(os.Stderr, "%s [y/N] ", question)
	answer, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes"
}
