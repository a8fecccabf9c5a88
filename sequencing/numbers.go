package sequencing

import (
	"fmt"

	"troupe/storage/logdb"
)

// numberBlock is how many numbers one write of the ceiling file pays for.
const numberBlock = 10_000

// numbers gives out sequence numbers. A number is given out only when a ceiling
// at or above it is on disk, in a file of its own: if the log itself is lost or
// set back, the ceiling still says which numbers subscribers may have seen.
// Owned by the committer.
type numbers struct {
	path    string
	next    Seq // the next one to give out
	ceiling Seq // the highest one that may be given out
	write   func(path string, ceiling int64) error
	raising chan error // a raise under way that ends with one error or nil; nil when there is none
}

// openNumbers continues above everything that may have been used: the highest
// number of the log and the ceiling. A log that has entries but lost its
// ceiling, and one that is declared restored, skip a block more, for numbers
// that were given out and are not on record here.
func openNumbers(path string, logged Seq, restored bool) (*numbers, bool, error) {
	ceiling, exists, err := logdb.ReadCeiling(path)
	if err != nil {
		return nil, false, err
	}
	n := &numbers{path: path, write: logdb.WriteCeiling}
	used := max(logged, Seq(ceiling))
	lost := !exists && logged > 0
	if restored || lost {
		used += numberBlock
	}
	n.next, n.ceiling = used+1, used
	return n, lost, nil
}

// ensure makes count numbers available, waiting for the disk only if the block
// reserved ahead is used up. Errors: sqlite.ErrFull, or the disk's.
func (n *numbers) ensure(count int) error {
	for n.next+Seq(count)-1 > n.ceiling {
		fresh := n.raising == nil
		if fresh {
			n.raise()
		}
		// A raise that was begun ahead may have failed long ago. Only one made
		// now says how things are.
		if err := n.settle(<-n.raising); err != nil && fresh {
			return err
		}
	}
	return nil
}

// ahead starts the next raise when half a block is left, and does not wait.
func (n *numbers) ahead() error {
	if n.raising != nil {
		select {
		case err := <-n.raising:
			if err := n.settle(err); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	if n.ceiling-n.next < numberBlock/2 {
		n.raise()
	}
	return nil
}

func (n *numbers) raise() {
	n.raising = make(chan error, 1)
	path, to, done := n.path, int64(n.ceiling+numberBlock), n.raising
	go func() { done <- n.write(path, to) }()
}

func (n *numbers) settle(err error) error {
	n.raising = nil
	if err != nil {
		return fmt.Errorf("sequencing: reserve numbers: %w", err)
	}
	n.ceiling += numberBlock
	return nil
}

func (n *numbers) take() Seq {
	seq := n.next
	if seq > n.ceiling {
		panic("sequencing: a number above the ceiling") // ensure was not asked; going on could give a number out twice
	}
	n.next++
	return seq
}

// close waits for a raise under way, so that no file is written afterwards.
func (n *numbers) close() {
	if n.raising != nil {
		<-n.raising
		n.raising = nil
	}
}
