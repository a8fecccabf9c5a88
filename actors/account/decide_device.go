package account

import (
	"troupe/storage/accountdb"
)

func seeDevice(b *batch, m SeeDevice) (string, error) {
	id, shown := DeviceOf(m.Name), accountdb.HashOf(m.Secret)
	if m.New {
		return m.Secret, b.PutDevice(accountdb.Device{ID: id, Secret: shown, RotatedAt: b.now, UserAgent: m.UserAgent, Address: m.Address, CreatedAt: b.now, SeenAt: b.now})
	}
	d, found, err := b.Device(id)
	if err != nil || !found {
		return "", either(err, ErrUnknownDevice)
	}
	if shown != d.Secret {
		if shown == d.Previous && b.now.Sub(d.RotatedAt) <= secretOverlap {
			return m.Secret, nil // two requests at once; the other one has the new secret
		}
		// A copy of the cookie is about, or this is the copy: nobody goes on with it.
		if err := b.DeleteDevice(id); err != nil {
			return "", err
		}
		return "", noted{ErrUnknownDevice}
	}
	secret := m.Secret
	if m.Rotate || b.now.Sub(d.RotatedAt) >= secretLife || d.UserAgent != m.UserAgent || d.Address != m.Address {
		secret = m.Next
		d.Previous, d.Secret, d.RotatedAt = d.Secret, accountdb.HashOf(secret), b.now
	}
	d.UserAgent, d.Address, d.SeenAt = m.UserAgent, m.Address, b.now
	return secret, b.PutDevice(d)
}

func signInDevice(b *batch, m SignInDevice) (Done, error) {
	if _, found, err := b.Device(m.Device); err != nil || !found {
		return Done{}, either(err, ErrUnknownDevice)
	}
	row, err := b.hosted(m.DID)
	if err != nil {
		return Done{}, err
	}
	if banned(row) {
		return Done{}, ErrTakendown
	}
	return Done{}, b.PutDeviceAccount(accountdb.DeviceAccount{Device: m.Device, DID: m.DID, CreatedAt: b.now, AuthenticatedAt: b.now})
}

func signOutDevice(b *batch, m SignOutDevice) (Done, error) {
	return Done{}, b.DeleteDeviceAccount(m.Device, m.DID)
}

func signOutDevices(b *batch, m SignOutDevices) (Done, error) {
	return Done{}, b.DeleteDeviceAccounts(m.DID)
}
