package resolver

import "errors"

// ErrUnknown: there is no schema of that name, none that holds, or none yet. It wraps
// the reason, if there is one.
var ErrUnknown = errors.New("resolver: unknown lexicon")

// Why a look-up failed. They are wrapped; test with errors.Is.
var (
	// ErrNotFound: nobody published such a lexicon.
	ErrNotFound = errors.New("resolver: no such lexicon")
	// ErrUnavailable: the network or the other side failed; asking later may help.
	ErrUnavailable = errors.New("resolver: lexicon unavailable")
	// ErrProof: what was received does not prove that the authority published it.
	ErrProof = errors.New("resolver: bad proof")
	// ErrSchema: it was published, and is no schema that records can be held to.
	ErrSchema = errors.New("resolver: unusable schema")
)

// definite reports whether asking again soon is pointless.
func definite(err error) bool {
	return errors.Is(err, ErrNotFound) || errors.Is(err, ErrSchema)
}
