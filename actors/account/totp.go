package account

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"strings"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
)

// Codes of authenticator apps, as every app makes them: RFC 6238, 30 s, six
// digits, SHA-1.
const (
	totpStep   = 30 * time.Second
	totpSkew   = 1 // steps before and after, for clocks that differ
	totpDigits = otp.DigitsSix
	secretSize = 20

	recoveryCodes = 10
)

// newTOTP makes a secret and the URL by which an app takes it.
func newTOTP(issuer, name string) (*otp.Key, error) {
	return totp.Generate(totp.GenerateOpts{Issuer: issuer, AccountName: name, Period: uint(totpStep.Seconds()), SecretSize: secretSize, Digits: totpDigits, Algorithm: otp.AlgorithmSHA1})
}

func totpCode(secret string, step int64) (string, error) {
	return totp.GenerateCodeCustom(secret, time.Unix(step*int64(totpStep.Seconds()), 0), totp.ValidateOpts{Period: uint(totpStep.Seconds()), Digits: totpDigits, Algorithm: otp.AlgorithmSHA1})
}

// matchTOTP finds the time step of a code around now, later than last. All steps
// are compared, each in constant time.
func matchTOTP(secret, code string, now time.Time, last int64) (step int64, ok bool, err error) {
	middle := now.Unix() / int64(totpStep.Seconds())
	for s := middle - totpSkew; s <= middle+totpSkew; s++ {
		want, err := totpCode(secret, s)
		if err != nil {
			return 0, false, err
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 && s > last {
			step, ok = s, true
		}
	}
	return step, ok, nil
}

// newRecoveryCode makes a code of 80 random bits: no table of hashes reaches it,
// so it needs no slow hash.
func newRecoveryCode() string {
	var b [10]byte
	rand.Read(b[:])
	s := base32Lower.EncodeToString(b[:])
	return s[:8] + "-" + s[8:]
}

func hashRecoveryCode(did syntax.DID, code string) []byte {
	sum := sha256.Sum256([]byte("recovery " + did.String() + " " + bare(code)))
	return sum[:]
}

// bare is a code without what people put between its letters.
func bare(code string) string {
	return strings.ToLower(strings.NewReplacer(" ", "", "-", "", "\t", "", "\n", "").Replace(code))
}

// digits reports whether a code is one of an app, not a recovery code.
func digits(code string) bool {
	return len(code) == int(totpDigits) && strings.Trim(code, "0123456789") == ""
}
