package repo

import (
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
	"troupe/storage/repodb"
)

// Preference is one private setting of the account's owner, and its type.
type Preference = repodb.Preference

// GetPreferences reads the owner's preferences of a namespace, in the order in
// which they were put, and what follows from them: the age bands of a birth date.
type GetPreferences struct {
	mailbox.To[*Repo, []Preference]
	Namespace syntax.NSID
	Full      bool // the asker may see personal details
}

// PutPreferences replaces the owner's preferences of a namespace, as far as the
// asker may see them. It is answered when they are on the disk, with nothing or
// with [ErrPreferenceNamespace], [PreferencesForbidden], [ErrPreferencesTooLarge].
type PutPreferences struct {
	mailbox.To[*Repo, Stored]
	Namespace   syntax.NSID
	Full        bool // the asker may set personal details
	Preferences []Preference
}

// Stored answers messages that have nothing to tell but that it is on the disk.
type Stored struct{}

// Record is one record as the account's file has it.
type Record = repodb.Record

// ReadRecent reads what the owner wrote lately: the newest records of a
// collection that came in after a rev. It never takes long; of an owner who has
// written very much since, it may find less than there is.
type ReadRecent struct {
	mailbox.To[*Repo, Recent]
	Since      syntax.TID
	Collection syntax.NSID
	Limit      int
	Profile    RecordName // read beside them
}

// RecordName is the place of a record in its repository.
type RecordName struct {
	Collection syntax.NSID
	RKey       syntax.RecordKey
}

// Recent answers ReadRecent. It is empty if no record at all is as old as the
// rev: then the rev speaks of another history, from before the account moved.
type Recent struct {
	Records []Record // oldest first
	Profile *Record  // nil: there is none, or nothing is recent
	Fresh   bool     // the profile came in after the rev, too
}

// Empty says that nothing came in after the rev.
func (r Recent) Empty() bool { return len(r.Records) == 0 && !r.Fresh }
