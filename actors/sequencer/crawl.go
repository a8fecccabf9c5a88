package sequencer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// crawlEvery is the least time between two notices to a relay.
const crawlEvery = 20 * time.Minute

// crawlState is when relays were told, and whether they will be.
type crawlState struct {
	last  time.Time   // zero: not since the start
	timer *time.Timer // of the notice that goes out when the time has passed; nil: none
}

// decide says whether to notify now, or after which wait.
func (c crawlState) decide(now time.Time) (notify bool, wait time.Duration) {
	if c.last.IsZero() || now.Sub(c.last) >= crawlEvery {
		return true, 0
	}
	return false, c.last.Add(crawlEvery).Sub(now)
}

// announce follows a public event that became durable.
func (s *Sequencer) announce() {
	if s.crawl.timer != nil {
		return
	}
	notify, wait := s.crawl.decide(time.Now())
	if notify {
		s.notify()
		return
	}
	s.crawl.timer = s.after(wait, s.notify)
	s.scheduled.Store(true)
}

// notify tells every relay, outside the turn. A relay that does not answer is
// told again with the next notice.
func (s *Sequencer) notify() {
	s.crawl = crawlState{last: time.Now()}
	s.scheduled.Store(false) // before the notice goes out: an event from here on may not be seen by that crawl
	for _, relay := range s.o.Crawlers {
		s.beside("crawl notice", func() {
			if err := requestCrawl(s.life, s.o.Client, relay, s.o.Hostname); err != nil && s.life.Err() == nil {
				s.o.Logger.Warn("crawl notice", "relay", relay, "err", err)
			}
		})
	}
}

// requestCrawl calls com.atproto.sync.requestCrawl of a relay.
func requestCrawl(ctx context.Context, client *http.Client, relay, hostname string) error {
	body, err := json.Marshal(map[string]string{"hostname": hostname})
	if err != nil {
		return err
	}
	url := strings.TrimSuffix(relay, "/") + "/xrpc/com.atproto.sync.requestCrawl"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, 512))
	if resp.StatusCode >= 300 {
		return fmt.Errorf("status %d: %s", resp.StatusCode, answer)
	}
	return nil
}
