package identity

import "troupe/actors/mailbox"

// flights are the lookups under way for one kind of key, at most one per key. All
// methods run in turns of the actor that owns them.
type flights[K comparable, V any] struct {
	under  map[K]*flight[V]
	limit  int
	launch func(K) // starts the lookup outside the turn; its end calls land
}

// flight is one lookup: who waits for it, and who asked for one that begins later.
type flight[V any] struct {
	waiting []func(V, error)
	again   []func(V, error)
}

func newFlights[K comparable, V any](limit int, launch func(K)) flights[K, V] {
	return flights[K, V]{under: make(map[K]*flight[V]), limit: limit, launch: launch}
}

// join answers with the result of the flight for k and starts one if there is none.
// forced waits for a flight that begins after now: one under way may have read the
// state from before the change that the asker wants to see.
func (f *flights[K, V]) join(k K, forced bool, answer func(V, error)) {
	now, under := f.under[k]
	switch {
	case under && forced:
		now.again = append(now.again, answer)
	case under:
		now.waiting = append(now.waiting, answer)
	case len(f.under) >= f.limit:
		var zero V
		answer(zero, mailbox.ErrBusy)
	default:
		f.under[k] = &flight[V]{waiting: []func(V, error){answer}}
		f.launch(k)
	}
}

// refresh starts a flight nobody waits for, unless one is under way or too many are.
func (f *flights[K, V]) refresh(k K) {
	if _, under := f.under[k]; under || len(f.under) >= f.limit {
		return
	}
	f.under[k] = &flight[V]{}
	f.launch(k)
}

// land ends the flight for k and answers everybody who waited for it.
func (f *flights[K, V]) land(k K, v V, err error) {
	done := f.under[k]
	if done == nil {
		return
	}
	delete(f.under, k)
	if len(done.again) > 0 {
		f.under[k] = &flight[V]{waiting: done.again}
		f.launch(k)
	}
	for _, answer := range done.waiting {
		answer(v, err)
	}
}
