package accountdb

import "time"

const (
	deleteSweptRequests   = `DELETE FROM authorization_request WHERE id IN (SELECT id FROM authorization_request WHERE expires_at < ? LIMIT ?)`
	deleteSweptSessions   = `DELETE FROM app_session WHERE id IN (SELECT id FROM app_session WHERE ends_at < ? LIMIT ?)`
	deleteSweptChallenges = `DELETE FROM used_challenge WHERE challenge IN (SELECT challenge FROM used_challenge WHERE used_at < ? LIMIT ?)`
	deleteSweptDevices    = `DELETE FROM device WHERE id IN (SELECT id FROM device WHERE seen_at < ? LIMIT ?)`
)

// keepDevices is how long a browser is known that is not seen.
const keepDevices = 400 * 24 * time.Hour

// keepChallenges is how long a code challenge is not good again.
const keepChallenges = 24 * time.Hour

// SweepOAuth removes what ended before a time, a chunk of each table.
func (t *Tx) SweepOAuth(before time.Time) (removed int64, err error) {
	for _, s := range []struct {
		sql    string
		before time.Time
	}{
		{deleteSweptRequests, before}, {deleteSweptSessions, before},
		{deleteSweptChallenges, before.Add(-keepChallenges)}, {deleteSweptDevices, before.Add(-keepDevices)},
	} {
		n, err := t.sql.Exec(s.sql, s.before.UnixMicro(), sweepChunk)
		if err != nil {
			return removed, err
		}
		removed += n
	}
	return removed, nil
}
