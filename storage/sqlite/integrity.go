package sqlite

import "errors"

// integrityCheck reads every page: rows against indexes, and both against the schema.
const integrityCheck = `SELECT integrity_check FROM pragma_integrity_check`

// Integrity is SQLite's own check of the whole file: what it complains of, at
// most a hundred sentences. A file that is too broken to be checked is one
// complaint; err is for what kept it from looking.
func (r *Reader) Integrity() (complaints []string, err error) {
	err = r.Each(integrityCheck, func(row *Row) error {
		if text := row.Text(0); text != "ok" {
			complaints = append(complaints, text)
		}
		return nil
	})
	if errors.Is(err, ErrCorrupt) {
		return append(complaints, err.Error()), nil
	}
	return complaints, err
}
