package mailbox

// list notes that an actor has work, so that its Idle will be due. Only actors
// with work are looked at by the tick; the other thousands cost nothing.
func (s *shard) list(e *entry) {
	if !e.listed && s.r.opt.Tick > 0 {
		e.listed = true
		s.busy = append(s.busy, e)
	}
}

// tick sends Idle to listed actors that had no turn since the last tick and owe
// no answer.
func (s *shard) tick() {
	kept := s.busy[:0]
	for _, e := range s.busy {
		switch {
		case e.state != active:
			e.listed = false
		case e.host.worked.Swap(false) || e.open.Load() > 0:
			kept = append(kept, e)
		default:
			e.listed = false
			s.c.Send(e.pid, idle{})
		}
	}
	clear(s.busy[len(kept):])
	s.busy = kept
}
