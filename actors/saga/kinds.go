package saga

import (
	"troupe/actors/account"
)

// Kind names a kind of story, in rows and logs.
type Kind string

// kind is what the supervisor knows of a kind of story.
type kind struct {
	plot   func(*teller) plot
	stored bool // it has a row while it is told, and is resumed if it is cut short
	alone  bool // while it is told no other story of its DID is
	urgent bool // it goes before the stories of its DID that wait, however many those are
	passes bool // it does not wait for an unfinished story that is not being told, unless that makes or deletes the account
	joined bool // asked for again while it is told, it has one more asker
}

// kinds is the table of stories. A new one is a file with its steps, a message
// in messages.go and a line here.
var kinds = map[Kind]kind{
	kindSignup:     {plot: newSignup, stored: true},
	kindDelete:     {plot: newDeletion, stored: true, alone: true, urgent: true, passes: true, joined: true},
	kindActivate:   {plot: newChange, alone: true},
	kindDeactivate: {plot: newChange, alone: true},
	kindModerate:   {plot: newChange, alone: true, urgent: true, passes: true},
	kindHandle:     {plot: newHandling, stored: true, alone: true},
	kindSubmit:     {plot: newSubmission, stored: true, alone: true},
	kindRotate:     {plot: newRotation, stored: true, alone: true},
}

// bars reports whether an unfinished story of a kind keeps a new one of another
// from being told. What an owner began and the network does not let end must not
// keep moderation out, nor the account alive.
func bars(unfinished, next Kind) bool {
	return unfinished == kindSignup || unfinished == kindDelete || !kinds[next].passes
}

// plot is what happens in the stories of a kind. Its methods run in the turn of
// the story's actor, one of them, once.
type plot interface {
	// begin tells a new story to whoever asked for it with the message in.
	begin(id account.SagaID, in any) told
	// rejoin goes on with an unfinished story for somebody who waits again.
	rejoin(id account.SagaID) told
	// settle goes on with an unfinished story that nobody waits for.
	settle(id account.SagaID) told
}

// told is how far a story came.
type told struct {
	session account.Session // of a sign-up, if the client has an account now
	refused error           // what the client is answered otherwise
	ended   bool            // nothing is left to do
	join    account.SagaID  // not "": go on with this one instead
}
