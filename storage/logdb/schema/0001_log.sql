-- One row per DID, never deleted: a deleted account stays as a tombstone, so
-- that its number, rev and incarnation are never given out again.
CREATE TABLE head (
	id          INTEGER PRIMARY KEY,          -- short name of the DID inside this file
	did         TEXT    NOT NULL UNIQUE,
	seq         INTEGER NOT NULL,             -- newest entry
	rev         TEXT    NOT NULL DEFAULT '',  -- '' before the first commit
	commit_cid  BLOB,                         -- binary CID
	data_cid    BLOB,
	status      INTEGER NOT NULL,             -- sequencing.Status
	incarnation INTEGER NOT NULL,
	created_at  INTEGER NOT NULL,             -- µs since 1970, of this incarnation
	applied_seq INTEGER NOT NULL DEFAULT 0    -- durable in the account's own file up to here
) STRICT;

-- listRepos pages in this order.
CREATE INDEX head_created ON head (created_at, did);

-- One row per entry. frame is the wire frame as it is sent, number included.
CREATE TABLE log (
	seq        INTEGER PRIMARY KEY,
	account    INTEGER NOT NULL,  -- head.id
	kind       INTEGER NOT NULL,  -- sequencing.Kind
	public     INTEGER NOT NULL,  -- 1: subscribers receive it
	time       INTEGER NOT NULL,  -- µs since 1970
	checksum   INTEGER NOT NULL,  -- CRC-32C of the other columns and the DID
	rev        TEXT,              -- what the entry did to the head; NULL: nothing
	commit_cid BLOB,
	data_cid   BLOB,
	status     INTEGER,
	effects    BLOB,              -- DAG-CBOR, see sequencing; NULL: none
	frame      BLOB
) STRICT;

-- Replay of one DID, and its purge.
CREATE INDEX log_account ON log (account, seq);

-- The backfill window and pruning. A rowid ends every index entry, so equal
-- times stand in the order of their numbers.
CREATE INDEX log_time ON log (time);

-- The few rows that the accounts projection reads.
CREATE INDEX log_accounts ON log (seq) WHERE kind IN (3, 4);

-- Which accounts hold records of which collection. A row is there as long as
-- the account's tree has a key of the collection.
CREATE TABLE collection (
	nsid    TEXT    NOT NULL,
	account INTEGER NOT NULL,  -- head.id
	PRIMARY KEY (nsid, account)
) STRICT, WITHOUT ROWID;

-- All of one account: to take them back, and to compare them with its file.
CREATE INDEX collection_account ON collection (account);

CREATE TABLE meta (
	key   TEXT PRIMARY KEY,
	value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
