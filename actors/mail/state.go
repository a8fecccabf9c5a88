package mail

import "time"

// state is what an instance keeps in memory. All of it may be lost: the queue is
// on the disk, and a letter that left twice is the same letter.
type state struct {
	flying  map[ID]bool // being sent
	left    map[ID]bool // sent, and not recorded yet
	looking bool        // the queue is being asked
	again   bool        // somebody rang meanwhile
	timer   *time.Timer
	waiting []func(Done, error) // askers of Settled
}
