package auth

import (
	"crypto/sha256"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"

	"troupe/actors/account"
)

// maxVerdicts is how many tokens are remembered: some 300 bytes each.
const maxVerdicts = 16 << 10

// verdicts remembers what access tokens were found to say: to check the
// signature and read the claims of the same token with every request took
// longer than most of what the requests ask for.
//
// Only what no later event can change is remembered, that the server signed
// these claims. The time, the scope and whatever depends on the account are
// judged anew with every request, so nothing is let in a moment longer than
// without. A token that was refused is not remembered: who has none that the
// server signed cannot fill this.
//
// Tokens are known by their SHA-256, so that memory holds none that works.
type verdicts struct {
	once sync.Once
	seen *lru.Cache[[sha256.Size]byte, account.Access]
}

// access reads an access token, or recalls what it says.
func (v *Verifier) access(token string) (account.Access, error) {
	v.read.once.Do(func() { v.read.seen, _ = lru.New[[sha256.Size]byte, account.Access](maxVerdicts) }) // fails for no size alone
	key := sha256.Sum256([]byte(token))
	if a, ok := v.read.seen.Get(key); ok {
		return a, nil
	}
	a, err := v.Tokens.ReadAccess(token)
	if err == nil {
		v.read.seen.Add(key, a)
	}
	return a, err
}
