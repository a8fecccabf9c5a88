package sequencer

import (
	"time"

	"troupe/sequencing"
)

// pruneChunk is how many rows go in one transaction, so that appends get in
// between.
const pruneChunk = 500

// prune lets go of entries that are outside the window and that no file needs,
// beside the turns, and comes back later.
func (s *Sequencer) prune() {
	s.beside("prune", func() {
		defer s.self.Run(func() { s.next = s.after(s.o.PruneEvery, s.prune) }) // whatever became of this time
		gone := 0
		for s.life.Err() == nil {
			n, err := s.log.Prune(s.life, time.Now().Add(-s.o.Window-sequencing.PruneGrace), pruneChunk)
			if err != nil {
				s.o.Logger.Warn("prune the log", "err", err)
				break
			}
			if gone += n; n == 0 {
				break
			}
		}
		if gone > 0 {
			s.o.Logger.Info("log pruned", "entries", gone)
		}
	})
}
