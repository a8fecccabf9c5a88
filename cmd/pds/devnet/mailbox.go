package devnet

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// Mail is one message that the server sent while in development.
type Mail struct {
	To, Subject string
	Text, HTML  string // either may be ""
	At          time.Time
}

// Mailbox keeps the newest mails in memory and shows them as pages. It is an
// http.Handler (strip the mount prefix) and safe for concurrent use.
type Mailbox struct {
	mux *http.ServeMux

	mu    sync.Mutex
	keep  int
	mails []Mail // oldest first
	first int    // number of mails[0]; numbers begin at 1 and are never used twice
}

// NewMailbox returns an empty mailbox that keeps the newest mails.
func NewMailbox(keep int) *Mailbox {
	m := &Mailbox{keep: max(1, keep), first: 1}
	m.mux = m.routes()
	return m
}

// Deliver puts a mail into the box, dropping the oldest one if it is full.
func (m *Mailbox) Deliver(mail Mail) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.mails) == m.keep {
		m.mails = slices.Delete(m.mails, 0, 1)
		m.first++
	}
	m.mails = append(m.mails, mail)
}

// Mails are the mails in the box, oldest first.
func (m *Mailbox) Mails() []Mail {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.mails)
}

// ServeHTTP implements http.Handler.
func (m *Mailbox) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.mux.ServeHTTP(w, r) }

// mail finds a mail by its number.
func (m *Mailbox) mail(number int) (Mail, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := number - m.first; i >= 0 && i < len(m.mails) {
		return m.mails[i], true
	}
	return Mail{}, false
}

// list is the list page's content, newest first.
func (m *Mailbox) list() ListPage {
	m.mu.Lock()
	defer m.mu.Unlock()
	var page ListPage
	for i, mail := range slices.Backward(m.mails) {
		page.Mails = append(page.Mails, Listed{Number: m.first + i, Mail: mail})
	}
	return page
}
