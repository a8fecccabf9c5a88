-- What OAuth keeps: browsers, what apps ask for, and what they were given.
-- Cookies, request names, codes and refresh tokens are stored as SHA-256.

-- A browser. Its cookie has two halves: a name that stays, and a secret that
-- changes. previous is the secret before, good for a few seconds: two requests
-- may be under way at once.
CREATE TABLE device (
	id         BLOB PRIMARY KEY,
	secret     BLOB NOT NULL,
	previous   BLOB,
	rotated_at INTEGER NOT NULL,
	user_agent TEXT NOT NULL,
	address    TEXT NOT NULL,
	created_at INTEGER NOT NULL,
	seen_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX device_seen ON device (seen_at);

-- An account that is signed in on a browser, since its password was last given.
CREATE TABLE device_account (
	device           BLOB NOT NULL REFERENCES device (id) ON DELETE CASCADE,
	did              TEXT NOT NULL REFERENCES account (did) ON DELETE CASCADE,
	created_at       INTEGER NOT NULL,
	authenticated_at INTEGER NOT NULL,
	PRIMARY KEY (device, did)
) STRICT, WITHOUT ROWID;
CREATE INDEX device_account_did ON device_account (did);

-- What an app asks a person for, until the code for it is exchanged. parameters
-- and client_auth are JSON.
CREATE TABLE authorization_request (
	id          BLOB PRIMARY KEY,
	client_id   TEXT NOT NULL,
	client_auth TEXT,
	parameters  TEXT NOT NULL,
	expires_at  INTEGER NOT NULL,
	device      BLOB REFERENCES device (id) ON DELETE CASCADE,
	did         TEXT REFERENCES account (did) ON DELETE CASCADE,
	code        BLOB UNIQUE,
	CHECK ((did IS NULL) = (code IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX authorization_request_expires ON authorization_request (expires_at);
CREATE INDEX authorization_request_device ON authorization_request (device) WHERE device IS NOT NULL;
CREATE INDEX authorization_request_did ON authorization_request (did) WHERE did IS NOT NULL;

-- What a person has allowed an app before, in the words of the app.
CREATE TABLE authorized_client (
	did        TEXT NOT NULL REFERENCES account (did) ON DELETE CASCADE,
	client_id  TEXT NOT NULL,
	scope      TEXT NOT NULL,
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL,
	PRIMARY KEY (did, client_id)
) STRICT, WITHOUT ROWID;

-- What an app has: one access token, and one refresh token if it may have any.
-- requested is the consented scope, scope what it means now.
CREATE TABLE app_session (
	id           INTEGER PRIMARY KEY AUTOINCREMENT,
	did          TEXT NOT NULL REFERENCES account (did) ON DELETE CASCADE,
	client_id    TEXT NOT NULL,
	client_auth  TEXT NOT NULL,
	device       BLOB REFERENCES device (id) ON DELETE SET NULL,
	thumbprint   TEXT NOT NULL CHECK (thumbprint <> ''),
	requested    TEXT NOT NULL,
	scope        TEXT NOT NULL,
	created_at   INTEGER NOT NULL,
	refreshed_at INTEGER NOT NULL,
	token        TEXT NOT NULL UNIQUE,
	expires_at   INTEGER NOT NULL,
	ends_at      INTEGER NOT NULL,
	refresh      BLOB UNIQUE,
	code         BLOB UNIQUE
) STRICT;
CREATE INDEX app_session_did ON app_session (did);
CREATE INDEX app_session_device ON app_session (device) WHERE device IS NOT NULL;
CREATE INDEX app_session_ends ON app_session (ends_at);

-- Refresh tokens that were exchanged: who presents one of them has stolen it, or
-- somebody has stolen its successor.
CREATE TABLE used_refresh_token (
	token   BLOB PRIMARY KEY,
	session INTEGER NOT NULL REFERENCES app_session (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX used_refresh_token_session ON used_refresh_token (session);

-- Code challenges of the last day: each is good once.
CREATE TABLE used_challenge (
	challenge BLOB PRIMARY KEY,
	used_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX used_challenge_at ON used_challenge (used_at);
