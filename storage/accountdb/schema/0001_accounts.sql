-- Times are microseconds since 1970 (UTC). Handles and addresses are stored
-- lower-case and compared byte by byte.

-- One row: up to where the log's identity and account entries are in here.
CREATE TABLE meta (
	id          INTEGER PRIMARY KEY CHECK (id = 1),
	applied_seq INTEGER NOT NULL CHECK (applied_seq >= 0)
) STRICT;
INSERT INTO meta (id, applied_seq) VALUES (1, 0);

-- Every hosted account. status: 1 active, 2 deactivated, 3 taken down, 4 suspended.
-- awaits is what a sign-up waits for: 1 its address to be confirmed, 2 approval,
-- 4 to be activated after that.
CREATE TABLE actor (
	did            TEXT PRIMARY KEY,
	handle         TEXT UNIQUE CHECK (handle <> '' AND handle = lower(handle)),
	created_at     INTEGER NOT NULL,
	status         INTEGER NOT NULL CHECK (status BETWEEN 1 AND 4),
	locked         INTEGER NOT NULL DEFAULT 0 CHECK (locked IN (0, 1)),
	takedown_ref   TEXT,
	deactivated_at INTEGER,
	delete_after   INTEGER,
	awaits         INTEGER NOT NULL DEFAULT 0 CHECK (awaits BETWEEN 0 AND 7)
) STRICT, WITHOUT ROWID;
CREATE INDEX actor_awaits ON actor (created_at) WHERE awaits <> 0;
CREATE INDEX actor_delete_after ON actor (delete_after) WHERE delete_after IS NOT NULL;

-- What only an account that signs in here has.
CREATE TABLE account (
	did              TEXT PRIMARY KEY REFERENCES actor (did) ON DELETE CASCADE,
	email            TEXT NOT NULL UNIQUE CHECK (email <> '' AND email = lower(email)),
	password         TEXT NOT NULL,
	confirmed_at     INTEGER,
	invites_disabled INTEGER NOT NULL DEFAULT 0 CHECK (invites_disabled IN (0, 1)),
	email_factor     INTEGER NOT NULL DEFAULT 0 CHECK (email_factor IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE app_password (
	did        TEXT NOT NULL REFERENCES account (did) ON DELETE CASCADE,
	name       TEXT NOT NULL,
	password   TEXT NOT NULL,
	privileged INTEGER NOT NULL CHECK (privileged IN (0, 1)),
	created_at INTEGER NOT NULL,
	PRIMARY KEY (did, name)
) STRICT, WITHOUT ROWID;

-- A revoked app password takes its sessions with it: the second foreign key,
-- which does not hold where app_password is NULL.
CREATE TABLE refresh_token (
	id           TEXT PRIMARY KEY,
	did          TEXT NOT NULL REFERENCES account (did) ON DELETE CASCADE,
	expires_at   INTEGER NOT NULL,
	next_id      TEXT,
	app_password TEXT,
	FOREIGN KEY (did, app_password) REFERENCES app_password (did, name) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_token_did ON refresh_token (did, app_password);
CREATE INDEX refresh_token_next ON refresh_token (next_id) WHERE next_id IS NOT NULL;

-- A code that was mailed: the hash of its text, not the text.
CREATE TABLE email_token (
	purpose      TEXT NOT NULL CHECK (purpose IN ('confirm_email', 'update_email', 'reset_password', 'delete_account', 'plc_operation', 'sign_in')),
	did          TEXT NOT NULL REFERENCES account (did) ON DELETE CASCADE,
	token        BLOB NOT NULL,
	requested_at INTEGER NOT NULL,
	tries        INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (purpose, did),
	UNIQUE (purpose, token)
) STRICT, WITHOUT ROWID;
CREATE INDEX email_token_did ON email_token (did);

-- The second factor of an authenticator app. secret is sealed. It is in force
-- from confirmed_at on. last_step is the newest time step whose code was taken:
-- no code is taken twice.
CREATE TABLE totp (
	did          TEXT PRIMARY KEY REFERENCES account (did) ON DELETE CASCADE,
	secret       BLOB NOT NULL,
	created_at   INTEGER NOT NULL,
	confirmed_at INTEGER,
	last_step    INTEGER NOT NULL DEFAULT 0,
	failures     INTEGER NOT NULL DEFAULT 0,
	locked_until INTEGER
) STRICT, WITHOUT ROWID;

-- Hashes of codes that replace a lost authenticator app, once each.
CREATE TABLE recovery_code (
	did  TEXT NOT NULL REFERENCES totp (did) ON DELETE CASCADE,
	code BLOB NOT NULL,
	PRIMARY KEY (did, code)
) STRICT, WITHOUT ROWID;

-- uses is how often a code may be used in all; what is left is counted.
CREATE TABLE invite_code (
	code        TEXT PRIMARY KEY,
	uses        INTEGER NOT NULL CHECK (uses >= 0),
	disabled    INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
	for_account TEXT NOT NULL,
	created_by  TEXT NOT NULL,
	created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX invite_code_for ON invite_code (for_account);
CREATE INDEX invite_code_recent ON invite_code (created_at, code);

-- used_by is no foreign key: deleting an account gives no use back.
CREATE TABLE invite_code_use (
	code    TEXT NOT NULL REFERENCES invite_code (code) ON DELETE CASCADE,
	used_by TEXT NOT NULL,
	used_at INTEGER NOT NULL,
	PRIMARY KEY (code, used_by)
) STRICT, WITHOUT ROWID;
CREATE INDEX invite_code_use_by ON invite_code_use (used_by);

-- Stories under way: the step that is about to be taken, and what resuming it
-- needs. A DID has one at a time.
CREATE TABLE saga (
	id         TEXT PRIMARY KEY,
	kind       TEXT NOT NULL,
	did        TEXT,
	step       TEXT NOT NULL,
	data       BLOB NOT NULL,
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX saga_kind ON saga (kind, created_at);
CREATE UNIQUE INDEX saga_did ON saga (did) WHERE did IS NOT NULL;

-- The newest PLC operation that is known of a DID: a different one in the directory
-- was made elsewhere.
CREATE TABLE plc_operation (
	did     TEXT PRIMARY KEY REFERENCES actor (did) ON DELETE CASCADE,
	cid     TEXT NOT NULL CHECK (cid <> ''),
	seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Names that a story holds while it runs. The invite is counted as used.
CREATE TABLE reservation (
	saga   TEXT PRIMARY KEY REFERENCES saga (id) ON DELETE CASCADE,
	did    TEXT UNIQUE,
	handle TEXT UNIQUE CHECK (handle <> '' AND handle = lower(handle)),
	email  TEXT UNIQUE CHECK (email <> '' AND email = lower(email)),
	invite TEXT REFERENCES invite_code (code) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX reservation_invite ON reservation (invite) WHERE invite IS NOT NULL;

-- Mail. send_after is NULL once it has left or will not; sent_at says which. What
-- has left stays for a day without its data: it counts against the budget of its address.
CREATE TABLE mail (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	did        TEXT REFERENCES account (did) ON DELETE CASCADE,
	recipient  TEXT NOT NULL,
	template   TEXT NOT NULL,
	data       BLOB NOT NULL,
	created_at INTEGER NOT NULL,
	send_after INTEGER,
	expires_at INTEGER NOT NULL,
	attempts   INTEGER NOT NULL DEFAULT 0,
	sent_at    INTEGER,
	failure    TEXT
) STRICT;
CREATE INDEX mail_due ON mail (send_after) WHERE send_after IS NOT NULL;
CREATE INDEX mail_recipient ON mail (recipient, template, created_at);
CREATE INDEX mail_did ON mail (did) WHERE did IS NOT NULL;
CREATE INDEX mail_expires ON mail (expires_at);
