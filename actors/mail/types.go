package mail

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/mail"
	"time"
)

// ErrURL: a mail server that is not named in a form that is known.
var ErrURL = errors.New("mail: not the URL of a mail server")

// ID is the number of a letter in the queue.
type ID int64

// Letter is a mail in the queue.
type Letter struct {
	ID       ID
	To       string
	Template string
	Data     json.RawMessage // of Content
	Written  time.Time
	Attempts int64 // before this one
}

// Content is what a letter says; which of it, its template knows.
type Content struct {
	Handle  string   `json:"handle"`
	Email   string   `json:"email"`
	Token   string   `json:"token"`
	Subject string   `json:"subject"`
	Text    []string `json:"text"` // paragraphs
	HTML    string   `json:"html"` // moderation mail only: a body that is sent as it is
}

// Message is a mail as it leaves.
type Message struct {
	ID      string // Message-ID, without angle brackets
	From    mail.Address
	To      string
	Subject string
	Text    string
	HTML    string
	Date    time.Time
}

// Transport hands mail to somebody who delivers it. Send returns nil when that
// has happened, and may be called from any goroutine.
type Transport interface {
	Send(ctx context.Context, m Message) error
}

// TransportFunc is a function as a Transport.
type TransportFunc func(context.Context, Message) error

// Send implements Transport.
func (f TransportFunc) Send(ctx context.Context, m Message) error { return f(ctx, m) }

// Route is a transport and who mail comes from that takes it.
type Route struct {
	Transport Transport
	From      mail.Address
}

// Outcome of an attempt to send.
type Outcome struct {
	Sent    bool
	Again   time.Time // zero: never
	Failure string
}

// Options of the mailer. Zero values mean the defaults in parentheses.
type Options struct {
	// Due lists letters that are to be sent, oldest first, and when the next one
	// will be due. only is the one template that is asked for, or "".
	Due func(ctx context.Context, limit int, only string) ([]Letter, time.Time, error)
	// Settle records what became of an attempt.
	Settle func(ctx context.Context, id ID, o Outcome) error

	Route      Route  // nil transport: mail but Moderation's stays in the queue
	Moderation *Route // of moderation mail (Route)
	Brand      Brand

	Parallel int                         // letters being sent at once (4)
	Timeout  time.Duration               // of one attempt (1 min)
	Poll     time.Duration               // how often the queue is looked at unasked (30 s)
	Pause    func(n int64) time.Duration // after the n-th failure in a row (Backoff)
	Now      func() time.Time            // (time.Now)
	Log      *slog.Logger                // (slog.Default)
}

func (o Options) withDefaults() Options {
	if o.Parallel == 0 {
		o.Parallel = 4
	}
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	if o.Poll == 0 {
		o.Poll = 30 * time.Second
	}
	if o.Pause == nil {
		o.Pause = Backoff
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}
