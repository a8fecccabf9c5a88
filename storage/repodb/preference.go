package repodb

import (
	"encoding/json"

	"troupe/storage/sqlite"
)

// Preference is one private setting of the account's owner.
type Preference struct {
	Name  string // its $type; several may share one
	Value []byte // JSON, an object
}

const selectPreferences = `SELECT name, value FROM preference ORDER BY id`

// Preferences returns all of them, in the order in which they were put.
func (r *Reader) Preferences() (all []Preference, err error) {
	err = r.sql.Each(selectPreferences, func(row *sqlite.Row) error {
		all = append(all, Preference{row.Text(0), []byte(row.Text(1))})
		return nil
	})
	return all, err
}

const (
	deletePreferences = `DELETE FROM preference`
	insertPreference  = `INSERT INTO preference (id, name, value) VALUES (?, ?, ?)`
)

// SetPreferences puts others in the place of all that are there.
func (t *Tx) SetPreferences(all []Preference) error {
	if _, err := t.sql.Exec(deletePreferences); err != nil {
		return err
	}
	for i, p := range all {
		if _, err := t.sql.Exec(insertPreference, i+1, p.Name, string(p.Value)); err != nil {
			return err
		}
	}
	return nil
}

// preferences checks that each is what its name says: they are given out as
// they are stored, and a session sees them or not by their names.
func (c *checker) preferences() error {
	all, err := c.r.Preferences()
	if err != nil {
		return err
	}
	for i, p := range all {
		var typed struct {
			Type string `json:"$type"`
		}
		switch err := json.Unmarshal(p.Value, &typed); {
		case err != nil:
			c.add("preference %d is no JSON object", i+1)
		case p.Name == "" || typed.Type != p.Name:
			c.add("preference %d is named %q and says that it is %q", i+1, p.Name, typed.Type)
		}
	}
	return nil
}
