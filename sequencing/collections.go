package sequencing

import "troupe/storage/logdb"

// keepCollections writes which collections the entry makes the account hold.
// For nearly every entry there is nothing to write.
func keepCollections(tx *logdb.Tx, account int64, e *Entry) error {
	if e.Kind == KindImport || e.Kind == KindAdopt {
		if err := tx.ClearCollections(account); err != nil {
			return err
		}
	}
	for _, c := range e.Effects.Collections {
		write := tx.RemoveCollection
		if c.Present {
			write = tx.AddCollection
		}
		if err := write(account, c.NSID); err != nil {
			return err
		}
	}
	return nil
}
