package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"regexp"
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

var (
	base32Lower     = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
	appPasswordForm = regexp.MustCompile(`^[a-z2-7]{4}(-[a-z2-7]{4}){3}$`)
)

// NewAppPassword makes an app password of 80 random bits: xxxx-xxxx-xxxx-xxxx.
func NewAppPassword() string {
	var b [10]byte
	rand.Read(b[:])
	s := base32Lower.EncodeToString(b[:])
	return s[0:4] + "-" + s[4:8] + "-" + s[8:12] + "-" + s[12:16]
}

// NewInviteCode makes an invite code that begins with the server's host name.
func NewInviteCode(host string) InviteCode {
	var b [8]byte
	rand.Read(b[:])
	s := base32Lower.EncodeToString(b[:])
	return InviteCode(strings.ReplaceAll(host, ".", "-") + "-" + s[0:5] + "-" + s[5:10])
}

// HashApp hashes an app password the way the reference does: scrypt with a salt
// made of the DID. So one hash is compared with all app passwords of an account;
// the salt may be known, because the password is random.
func (p *Passwords) HashApp(ctx context.Context, did syntax.DID, password string) (PasswordHash, error) {
	leave, err := p.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	sum := sha256.Sum256([]byte(did))
	salt := hex.EncodeToString(sum[:16])
	key, err := scryptHash(password, salt)
	return PasswordHash(salt + ":" + hex.EncodeToString(key)), err
}

// matchApp finds the app password that has a hash.
func matchApp(all []AppPassword, hash PasswordHash) (found AppPassword, ok bool) {
	for _, p := range all {
		if subtle.ConstantTimeCompare([]byte(p.Password), []byte(hash)) == 1 {
			found, ok = p, true
		}
	}
	return found, ok
}
