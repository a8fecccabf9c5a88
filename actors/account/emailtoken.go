package account

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"strings"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/accountdb"
)

const (
	// EmailTokenLifetime is how long a code that was mailed is good.
	EmailTokenLifetime = 15 * time.Minute

	maxTries = 5 // wrong ones until a code is void
)

// newEmailToken makes a code of 50 random bits: two groups of five letters, as ABCDE-FGHIJ.
func newEmailToken() string {
	var b [7]byte
	rand.Read(b[:])
	s := base32.StdEncoding.EncodeToString(b[:])
	return s[:5] + "-" + s[5:10]
}

// hashToken is what is stored of a code: a copy of the file, or a look at it,
// gives nobody a code that is still good.
func hashToken(p Purpose, token string) []byte {
	sum := sha256.Sum256([]byte(string(p) + " " + strings.ToUpper(strings.TrimSpace(token))))
	return sum[:]
}

func issueToken(b *batch, m IssueToken) (Done, error) {
	row, private, err := b.reachable(m.DID)
	if err != nil {
		return Done{}, err
	}
	return Done{}, b.issue(row, private, m.Purpose)
}

// issue makes a code and queues its mail. A mail of an older code that has not
// begun to leave is taken back: that code is void.
func (b *batch) issue(row accountdb.Actor, private accountdb.Account, p Purpose) error {
	template, token := Template(p), newEmailToken()
	if err := b.DeleteUnsentMail(row.DID, template); err != nil {
		return err
	}
	if err := b.queue(row, private.Email, template, MailData{Token: token}, EmailTokenLifetime); err != nil {
		return err
	}
	return b.PutEmailToken(accountdb.EmailToken{Purpose: p, DID: row.DID, Hash: hashToken(p, token), RequestedAt: b.now})
}

func useToken(b *batch, m UseToken) (Done, error) {
	return Done{}, b.use(m.DID, m.Purpose, m.Token)
}

// use checks a code and uses it up. A wrong one is counted although it is
// refused, so use comes before anything else that a decision writes.
func (b *batch) use(did syntax.DID, p Purpose, token string) error {
	k, found, err := b.EmailToken(p, did)
	if err != nil || !found {
		return either(err, ErrInvalidEmailToken)
	}
	if subtle.ConstantTimeCompare(k.Hash, hashToken(p, token)) != 1 {
		if k.Tries++; k.Tries >= maxTries {
			err = b.DeleteEmailToken(p, did)
		} else {
			err = b.PutEmailToken(k)
		}
		return either(err, noted{ErrInvalidEmailToken})
	}
	if !b.fresh(k) {
		return ErrExpiredEmailToken
	}
	return b.DeleteEmailToken(p, did)
}

func (b *batch) fresh(k accountdb.EmailToken) bool {
	return b.now.Before(k.RequestedAt.Add(EmailTokenLifetime))
}
