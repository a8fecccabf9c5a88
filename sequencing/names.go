package sequencing

import "fmt"

var kindNames = [...]string{KindCommit: "commit", KindSync: "sync", KindIdentity: "identity", KindAccount: "account", KindPurge: "purge", KindAdopt: "adopt", KindImport: "import"}

// Valid reports whether k is one of the constants.
func (k Kind) Valid() bool { return k >= KindCommit && k <= KindImport }

func (k Kind) String() string {
	if k.Valid() {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

var statusNames = [...]string{StatusNone: "", StatusActive: "active", StatusDeactivated: "deactivated", StatusTakendown: "takendown", StatusSuspended: "suspended", StatusDeleted: "deleted"}

// Valid reports whether s is a state an account can be in (StatusNone is not).
func (s Status) Valid() bool { return s >= StatusActive && s <= StatusDeleted }

// String is the name on the wire (com.atproto.sync.subscribeRepos#account);
// "active" never is, "" is StatusNone.
func (s Status) String() string {
	if s <= StatusDeleted {
		return statusNames[s]
	}
	return fmt.Sprintf("status(%d)", uint8(s))
}

// ParseStatus is the reverse of String.
func ParseStatus(name string) (Status, bool) {
	for s := StatusActive; s <= StatusDeleted; s++ {
		if statusNames[s] == name {
			return s, true
		}
	}
	return StatusNone, false
}
