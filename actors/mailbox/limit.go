package mailbox

// Footprint is what one live actor takes of the machine.
type Footprint struct {
	Descriptors int
	Maps        int   // memory mappings (vm.max_map_count)
	Bytes       int64 // resident memory
}

// OpenFile is an actor with one open SQLite file in WAL mode: file, WAL and
// shared memory.
var OpenFile = Footprint{Descriptors: 3, Maps: 4, Bytes: 600_000}

// LiveLimit is how many actors of that footprint this machine can keep live,
// at most 30,000.
func LiveLimit(each Footprint) int { return 1 }
