package account

import (
	"errors"
	"time"

	"troupe/actors/permission"
	"troupe/storage/accountdb"
)

func pushRequest(b *batch, m PushRequest) (time.Time, error) {
	q := accountdb.AuthorizationRequest{
		ID: accountdb.HashOf(m.ID), Client: m.Client, Parameters: encode(m.Request), ExpiresAt: b.now.Add(requestLife),
	}
	if m.Auth != nil {
		q.Auth = encode(*m.Auth)
	}
	return q.ExpiresAt, b.PutAuthorizationRequest(q)
}

// open finds a request that may still be granted. A refusal ends it.
func (b *batch) open(id string) (row accountdb.AuthorizationRequest, q AppRequest, err error) {
	row, found, err := b.AuthorizationRequest(accountdb.HashOf(id))
	if err != nil || !found {
		return row, q, either(err, AppRefused{"invalid_request", "Unknown request_uri"})
	}
	if q, _, err = appRequest(row); err != nil {
		return row, q, err
	}
	switch {
	case row.Code != (accountdb.Hash{}):
		err = denied("This request was already authorized")
	case row.ExpiresAt.Before(b.now):
		err = denied("This request has expired")
	}
	return row, q, err
}

// over ends a request, and says why. The end stands; a failure of the file ends
// nothing.
func (b *batch) over(row accountdb.AuthorizationRequest, why error) error {
	var refused AppRefused
	if !errors.As(why, &refused) && !errors.Is(why, ErrNotFound) {
		return why
	}
	if err := b.DeleteAuthorizationRequest(row.ID); err != nil {
		return err
	}
	return noted{why}
}

func viewRequest(b *batch, m ViewRequest) (AppRequest, error) {
	row, q, err := b.open(m.ID)
	switch {
	case err != nil:
	case row.Client != m.Client:
		err = denied("This request was initiated for another client")
	case row.Device != (DeviceID{}) && row.Device != m.Device:
		err = denied("This request was initiated from another device")
	}
	if err != nil {
		return q, b.over(row, err)
	}
	row.Device, row.ExpiresAt = m.Device, b.now.Add(requestLife)
	return q, b.PutAuthorizationRequest(row)
}

func grantRequest(b *batch, m GrantRequest) (AppRequest, error) {
	row, q, err := b.open(m.ID)
	asked, allowed := permission.ParseSet(q.Scope), permission.ParseSet(m.Scope)
	switch {
	case err != nil:
	case row.Device == (DeviceID{}):
		err = denied("This request was not initiated")
	case row.Device != m.Device:
		err = denied("This request was initiated from another device")
	case !allowed.Has(permission.Atproto) || !allowed.Within(asked):
		err = denied(`The scope may be narrowed only, and "atproto" is required`)
	default:
		err = b.standing(m.DID)
	}
	if err != nil {
		return q, b.over(row, err)
	}
	q.Scope = allowed.String()
	row.Parameters, row.DID, row.Code, row.ExpiresAt = encode(q), m.DID, accountdb.HashOf(m.Code), b.now.Add(requestLife)
	if err := b.PutAuthorizationRequest(row); err != nil {
		return q, err
	}
	if !m.Remember {
		return q, nil
	}
	return q, b.remember(m, row.Client, allowed)
}

// remember adds to what an account has allowed a client.
func (b *batch) remember(m GrantRequest, client ClientID, allowed permission.Set) error {
	c, found, err := b.AuthorizedClient(m.DID, client)
	if err != nil {
		return err
	}
	if !found {
		c = accountdb.AuthorizedClient{DID: m.DID, Client: client, CreatedAt: b.now}
	}
	c.Scope, c.UpdatedAt = permission.ParseSet(c.Scope+" "+allowed.String()).String(), b.now
	return b.PutAuthorizedClient(c)
}

func endRequest(b *batch, m EndRequest) (AppRequest, error) {
	row, q, err := b.open(m.ID)
	if err == nil && row.Device != m.Device {
		err = denied("This request was initiated from another device")
	}
	if err != nil {
		return q, b.over(row, err)
	}
	return q, b.DeleteAuthorizationRequest(row.ID)
}
