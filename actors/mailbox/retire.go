package mailbox

// retire refuses a key and has its actor leave.
func (s *shard) retire(q *retirement) {
	switch {
	case s.closing:
		q.refuse(ErrStopped)
		return
	case s.retired[q.key] != nil:
		q.refuse(ErrRetired)
		return
	}
	s.retired[q.key] = q
	e := s.keys[q.key]
	if e == nil {
		q.refuse(nil)
		return
	}
	s.refusePending(e, ErrRetired) // they would need an actor that must not be
	if e.state == waiting {
		s.forget(e)
		q.refuse(nil)
		return
	}
	s.passivate(e, Passivated) // terminated tells q
}

// forget takes a waiting entry out.
func (s *shard) forget(e *entry) {
	delete(s.keys, e.key)
	for i, w := range s.waiting {
		if w == e {
			s.waiting = append(s.waiting[:i], s.waiting[i+1:]...)
			return
		}
	}
}

// release lets the key be activated again, with a clean record. Only the
// retirement that holds the key can release it.
func (s *shard) release(q *retirement) {
	if s.retired[q.key] == q {
		delete(s.retired, q.key)
		s.trouble.Remove(q.key)
	}
}

// close has every actor leave; the shard stops itself behind the last one.
func (s *shard) close() {
	s.closing = true
	for _, e := range s.keys {
		s.refusePending(e, ErrStopped)
		s.passivate(e, ShuttingDown)
		if e.state == waiting {
			delete(s.keys, e.key)
		}
	}
	s.waiting = nil
	s.stopIfEmpty()
}

func (s *shard) stopIfEmpty() {
	if s.closing && s.live == 0 {
		s.c.Stop(s.c.Self())
	}
}
