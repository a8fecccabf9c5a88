package saga

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/account"
)

// kindSignup is the kind of the stories of this package.
const kindSignup = "signup"

// A step is what a stored story may have done by the time somebody reads it.
const (
	// stepReserved: names are held. Nothing outside this server knows the DID.
	// Its folder, which did not exist before, may hold the signing key.
	stepReserved = "reserved"
	// stepSending: the key is on the disk, and the operation may have been sent.
	stepSending = "sending"
	// stepInserted: the account rows exist. What is left is the repository.
	stepInserted = "inserted"
)

// details are the data of a stored sign-up.
type details struct {
	Handle   syntax.Handle        `json:"handle"`
	Email    account.Email        `json:"email"`
	Password account.PasswordHash `json:"password"`
	Invite   account.InviteCode   `json:"invite,omitempty"`
	Recovery string               `json:"recovery,omitempty"` // did:key
	Op       json.RawMessage      `json:"op,omitempty"`       // the signed PLC operation; none: the DID was brought along
	SentAt   time.Time            `json:"sentAt,omitzero"`    // when the newest sending was about to begin
}

// brought reports whether the person came with a DID.
func (d details) brought() bool { return len(d.Op) == 0 }

// story is a sign-up as far as it has come.
type story struct {
	row account.Saga
	details
}

func load(row account.Saga) (story, error) {
	s := story{row: row}
	if err := json.Unmarshal(row.Data, &s.details); err != nil {
		return s, fmt.Errorf("saga: story %s cannot be read: %w", row.ID, err)
	}
	return s, nil
}

// at is the row of the story with another step.
func (s *story) at(step string) account.Saga {
	row := s.row
	row.Step = step
	data, err := json.Marshal(s.details)
	if err != nil {
		panic(err) // Op is JSON that we made, everything else is text
	}
	row.Data = data
	return row
}

func newID() account.SagaID { return account.SagaID(rand.Text()) }
