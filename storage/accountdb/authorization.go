package accountdb

import (
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/sqlite"
)

const requestColumns = `SELECT id, client_id, client_auth, parameters, expires_at, device, did, code FROM authorization_request `

func scanRequest(row *sqlite.Row) AuthorizationRequest {
	q := AuthorizationRequest{
		ID: hashIn(row.Blob(0)), Client: ClientID(row.Text(1)), Parameters: []byte(row.Text(3)), ExpiresAt: when(row, 4),
		Device: hashIn(row.Blob(5)), DID: syntax.DID(row.Text(6)), Code: hashIn(row.Blob(7)),
	}
	if !row.IsNull(2) {
		q.Auth = []byte(row.Text(2))
	}
	return q
}

func (r *Reader) request(sql string, key Hash) (q AuthorizationRequest, found bool, err error) {
	found, err = r.sql.One(sql, func(row *sqlite.Row) error {
		q = scanRequest(row)
		return nil
	}, key.sql())
	return q, found, err
}

const (
	selectRequest       = requestColumns + `WHERE id = ?`
	selectRequestByCode = requestColumns + `WHERE code = ?`
)

// AuthorizationRequest finds a request.
func (r *Reader) AuthorizationRequest(id Hash) (AuthorizationRequest, bool, error) {
	return r.request(selectRequest, id)
}

// AuthorizationRequestByCode finds the request that a code was given for.
func (r *Reader) AuthorizationRequestByCode(code Hash) (AuthorizationRequest, bool, error) {
	return r.request(selectRequestByCode, code)
}

const putRequest = `INSERT INTO authorization_request (id, client_id, client_auth, parameters, expires_at, device, did, code) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
ON CONFLICT (id) DO UPDATE SET parameters = ?4, expires_at = ?5, device = ?6, did = ?7, code = ?8`

// PutAuthorizationRequest stores a request as it is now.
func (t *Tx) PutAuthorizationRequest(q AuthorizationRequest) error {
	var auth any
	if q.Auth != nil {
		auth = string(q.Auth)
	}
	_, err := t.sql.Exec(putRequest, q.ID.sql(), string(q.Client), auth, string(q.Parameters), q.ExpiresAt.UnixMicro(), q.Device.sql(), null(q.DID), q.Code.sql())
	return err
}

const deleteRequest = `DELETE FROM authorization_request WHERE id = ?`

// DeleteAuthorizationRequest forgets a request.
func (t *Tx) DeleteAuthorizationRequest(id Hash) error {
	_, err := t.sql.Exec(deleteRequest, id.sql())
	return err
}

const selectAuthorizedClient = `SELECT scope, created_at, updated_at FROM authorized_client WHERE did = ? AND client_id = ?`

// AuthorizedClient finds what an account has allowed a client before.
func (r *Reader) AuthorizedClient(did syntax.DID, client ClientID) (c AuthorizedClient, found bool, err error) {
	found, err = r.sql.One(selectAuthorizedClient, func(row *sqlite.Row) error {
		c = AuthorizedClient{DID: did, Client: client, Scope: row.Text(0), CreatedAt: when(row, 1), UpdatedAt: when(row, 2)}
		return nil
	}, did, string(client))
	return c, found, err
}

const putAuthorizedClient = `INSERT INTO authorized_client (did, client_id, scope, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (did, client_id) DO UPDATE SET scope = ?3, updated_at = ?5`

// PutAuthorizedClient stores what an account has allowed a client.
func (t *Tx) PutAuthorizedClient(c AuthorizedClient) error {
	_, err := t.sql.Exec(putAuthorizedClient, c.DID, string(c.Client), c.Scope, c.CreatedAt.UnixMicro(), c.UpdatedAt.UnixMicro())
	return err
}

const (
	deleteAuthorizedClient  = `DELETE FROM authorized_client WHERE did = ? AND client_id = ?`
	deleteAuthorizedClients = `DELETE FROM authorized_client WHERE did = ?`
)

// DeleteAuthorizedClient forgets what an account has allowed a client.
func (t *Tx) DeleteAuthorizedClient(did syntax.DID, client ClientID) error {
	_, err := t.sql.Exec(deleteAuthorizedClient, did, string(client))
	return err
}

// DeleteAuthorizedClients forgets what an account has allowed anybody.
func (t *Tx) DeleteAuthorizedClients(did syntax.DID) error {
	_, err := t.sql.Exec(deleteAuthorizedClients, did)
	return err
}

const insertChallenge = `INSERT INTO used_challenge (challenge, used_at) VALUES (?, ?) ON CONFLICT (challenge) DO NOTHING`

// UseChallenge remembers a code challenge; false if it was used before.
func (t *Tx) UseChallenge(challenge Hash, at time.Time) (first bool, err error) {
	n, err := t.sql.Exec(insertChallenge, challenge.sql(), at.UnixMicro())
	return n == 1, err
}
