package sequencing

// Ring holds the newest public events in memory, bounded by bytes.
type Ring struct{}

// NewRing makes an empty ring of at most maxBytes of frames (0: 64 MiB).
func NewRing(maxBytes int) *Ring { panic("skeleton") }

// Publish hands durable events to the subscribers, in order. It never waits.
func (r *Ring) Publish(events []Event) { panic("skeleton") }
