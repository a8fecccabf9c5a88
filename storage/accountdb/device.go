package accountdb

import (
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/sqlite"
)

const selectDevice = `SELECT id, secret, previous, rotated_at, user_agent, address, created_at, seen_at FROM device WHERE id = ?`

// Device finds a browser.
func (r *Reader) Device(id Hash) (d Device, found bool, err error) {
	found, err = r.sql.One(selectDevice, func(row *sqlite.Row) error {
		d = Device{
			ID: hashIn(row.Blob(0)), Secret: hashIn(row.Blob(1)), Previous: hashIn(row.Blob(2)), RotatedAt: when(row, 3),
			UserAgent: row.Text(4), Address: row.Text(5), CreatedAt: when(row, 6), SeenAt: when(row, 7),
		}
		return nil
	}, id.sql())
	return d, found, err
}

const putDevice = `INSERT INTO device (id, secret, previous, rotated_at, user_agent, address, created_at, seen_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
ON CONFLICT (id) DO UPDATE SET secret = ?2, previous = ?3, rotated_at = ?4, user_agent = ?5, address = ?6, seen_at = ?8`

// PutDevice stores a browser as it is now.
func (t *Tx) PutDevice(d Device) error {
	_, err := t.sql.Exec(putDevice, d.ID.sql(), d.Secret.sql(), d.Previous.sql(), d.RotatedAt.UnixMicro(), d.UserAgent, d.Address, d.CreatedAt.UnixMicro(), d.SeenAt.UnixMicro())
	return err
}

const deleteDevice = `DELETE FROM device WHERE id = ?`

// DeleteDevice forgets a browser, who is signed in on it and what it was asked.
// Apps that were let in from it stay.
func (t *Tx) DeleteDevice(id Hash) error {
	_, err := t.sql.Exec(deleteDevice, id.sql())
	return err
}

const deviceAccountColumns = `SELECT device, did, created_at, authenticated_at FROM device_account `

func scanDeviceAccount(row *sqlite.Row) DeviceAccount {
	return DeviceAccount{Device: hashIn(row.Blob(0)), DID: syntax.DID(row.Text(1)), CreatedAt: when(row, 2), AuthenticatedAt: when(row, 3)}
}

const selectDeviceAccount = deviceAccountColumns + `WHERE device = ? AND did = ?`

// DeviceAccount finds an account that is signed in on a browser.
func (r *Reader) DeviceAccount(device Hash, did syntax.DID) (a DeviceAccount, found bool, err error) {
	found, err = r.sql.One(selectDeviceAccount, func(row *sqlite.Row) error {
		a = scanDeviceAccount(row)
		return nil
	}, device.sql(), did)
	return a, found, err
}

const selectDeviceAccounts = deviceAccountColumns + `WHERE device = ? ORDER BY authenticated_at DESC, did`

// DeviceAccounts lists who is signed in on a browser, latest first.
func (r *Reader) DeviceAccounts(device Hash) (all []DeviceAccount, err error) {
	err = r.sql.Each(selectDeviceAccounts, func(row *sqlite.Row) error {
		all = append(all, scanDeviceAccount(row))
		return nil
	}, device.sql())
	return all, err
}

const selectAccountDevices = `SELECT a.device, a.did, a.created_at, a.authenticated_at, d.user_agent, d.address, d.seen_at
FROM device_account a JOIN device d ON d.id = a.device WHERE a.did = ? ORDER BY d.seen_at DESC, a.device`

// AccountDevices lists the browsers that an account is signed in on, the last
// seen first.
func (r *Reader) AccountDevices(did syntax.DID) (devices []Device, since []DeviceAccount, err error) {
	err = r.sql.Each(selectAccountDevices, func(row *sqlite.Row) error {
		a := scanDeviceAccount(row)
		since = append(since, a)
		devices = append(devices, Device{ID: a.Device, UserAgent: row.Text(4), Address: row.Text(5), SeenAt: when(row, 6)})
		return nil
	}, did)
	return devices, since, err
}

const putDeviceAccount = `INSERT INTO device_account (device, did, created_at, authenticated_at) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (device, did) DO UPDATE SET authenticated_at = ?4`

// PutDeviceAccount signs an account in on a browser, or says that it was again.
func (t *Tx) PutDeviceAccount(a DeviceAccount) error {
	_, err := t.sql.Exec(putDeviceAccount, a.Device.sql(), a.DID, a.CreatedAt.UnixMicro(), a.AuthenticatedAt.UnixMicro())
	return err
}

const (
	deleteDeviceAccount  = `DELETE FROM device_account WHERE device = ? AND did = ?`
	deleteDeviceAccounts = `DELETE FROM device_account WHERE did = ?`
)

// DeleteDeviceAccount signs an account out on a browser.
func (t *Tx) DeleteDeviceAccount(device Hash, did syntax.DID) error {
	_, err := t.sql.Exec(deleteDeviceAccount, device.sql(), did)
	return err
}

// DeleteDeviceAccounts signs an account out everywhere.
func (t *Tx) DeleteDeviceAccounts(did syntax.DID) error {
	_, err := t.sql.Exec(deleteDeviceAccounts, did)
	return err
}
