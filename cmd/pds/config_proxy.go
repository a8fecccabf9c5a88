package main

import (
	"net/url"
	"strings"
	"time"

	"troupe/http/bsky"
)

// ProxyConfig is how requests are passed on to other services.
type ProxyConfig struct {
	HeadersTimeout   time.Duration
	BodyTimeout      time.Duration
	MaxResponse      int64 // decoded bytes of an answer that is read here
	Retries          int   // of queries that met a broken connection
	HTTP2            bool
	PreferCompressed bool // of answers that may be read here
	// ServiceAudience names the service too in tokens for it, and not its DID alone.
	ServiceAudience bool
}

func (c *Config) readProxy(s *settings) {
	c.AppView = s.service("PDS_BSKY_APP_VIEW")
	c.ModService = s.service("PDS_MOD_SERVICE")
	c.ReportService = s.service("PDS_REPORT_SERVICE")
	for name, u := range map[string]string{
		"PDS_BSKY_APP_VIEW_URL": c.AppView.URL, "PDS_MOD_SERVICE_URL": c.ModService.URL, "PDS_REPORT_SERVICE_URL": c.ReportService.URL,
	} {
		if parsed, err := url.Parse(u); u != "" && (err != nil || parsed.Scheme != "https" && parsed.Scheme != "http" || parsed.Host == "" || parsed.Path != "") {
			s.fail("%s must be the URL of a service without a path, not %q", name, u)
		}
	}
	c.AppViewURLs = bsky.URLs{
		CDN:       s.pattern("PDS_BSKY_APP_VIEW_CDN_URL_PATTERN", 3),
		Playlist:  s.pattern("PDS_BSKY_APP_VIEW_VIDEO_PLAYLIST_URL_PATTERN", 2),
		Thumbnail: s.pattern("PDS_BSKY_APP_VIEW_VIDEO_THUMBNAIL_URL_PATTERN", 2),
		Server:    c.URL,
	}
	c.Proxy = ProxyConfig{
		HeadersTimeout:   s.millis("PDS_PROXY_HEADERS_TIMEOUT", 10*time.Second),
		BodyTimeout:      s.millis("PDS_PROXY_BODY_TIMEOUT", 30*time.Second),
		MaxResponse:      s.number("PDS_PROXY_MAX_RESPONSE_SIZE", 10<<20),
		Retries:          int(s.number("PDS_PROXY_MAX_RETRIES", 0)),
		HTTP2:            s.flag("PDS_PROXY_ALLOW_HTTP2", false),
		PreferCompressed: s.flag("PDS_PROXY_PREFER_COMPRESSED", false),
		ServiceAudience:  s.flag("PDS_PROXY_SERVICE_AUDIENCE", false),
	}
}

// pattern is a URL with holes that are written %s.
func (s *settings) pattern(name string, holes int) string {
	v := s.text(name)
	filled := strings.ReplaceAll(v, "%s", "x")
	u, err := url.Parse(filled)
	if v != "" && (strings.Count(v, "%s") != holes || err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
		s.fail("%s must be a URL with %d times %%s in it, not %q", name, holes, v)
	}
	return v
}
