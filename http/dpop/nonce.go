package dpop

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"sync"
	"time"
)

// rotation is how long a nonce is the current one.
const rotation = time.Minute

// Nonces makes and recognises the nonces of this server.
type Nonces struct {
	secret []byte
	now    func() time.Time

	mu     sync.Mutex
	minute int64
	good   [3]string // of the minute before, this one and the next
}

// NewNonces derives nonces from a secret, or from a new one if it is empty. now
// may be nil.
func NewNonces(secret []byte, now func() time.Time) *Nonces {
	if len(secret) == 0 {
		secret = make([]byte, 32)
		rand.Read(secret)
	}
	if now == nil {
		now = time.Now
	}
	return &Nonces{secret: secret, now: now, minute: -1}
}

// Next is the nonce to hand out: the one of the next minute.
func (n *Nonces) Next() string { return n.current()[2] }

// Good reports whether a nonce is of this server and fresh.
func (n *Nonces) Good(nonce string) bool {
	ok := 0
	for _, good := range n.current() {
		ok |= subtle.ConstantTimeCompare([]byte(good), []byte(nonce))
	}
	return ok == 1
}

func (n *Nonces) current() [3]string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if m := n.now().Unix() / int64(rotation/time.Second); m != n.minute {
		n.minute = m
		for i := range n.good {
			n.good[i] = n.of(m + int64(i) - 1)
		}
	}
	return n.good
}

func (n *Nonces) of(minute int64) string {
	mac := hmac.New(sha256.New, n.secret)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(minute)))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
