-- One account's repository and the private state that belongs beside it.
-- rev is the integer form of a TID; times are microseconds since the epoch.

CREATE TABLE root (
	id           INTEGER PRIMARY KEY CHECK (id = 1),
	did          TEXT    NOT NULL,
	seq          INTEGER NOT NULL,  -- the newest log entry this file contains
	rev          INTEGER NOT NULL,
	commit_cid   BLOB    NOT NULL,
	commit_block BLOB    NOT NULL,
	data_cid     BLOB    NOT NULL
) STRICT;

-- Nodes of the current tree, and no others.
CREATE TABLE node (
	cid   BLOB    NOT NULL PRIMARY KEY,
	rev   INTEGER NOT NULL,         -- the commit that brought the node in
	block BLOB    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX node_rev ON node (rev);

-- Records lie in tree order, so listing and export are scans.
CREATE TABLE record (
	collection   TEXT    NOT NULL,
	rkey         TEXT    NOT NULL,
	cid          BLOB    NOT NULL,
	rev          INTEGER NOT NULL,  -- the commit that wrote this version
	indexed_at   INTEGER NOT NULL,
	takedown_ref TEXT,
	block        BLOB    NOT NULL,
	PRIMARY KEY (collection, rkey)
) STRICT, WITHOUT ROWID;
CREATE INDEX record_cid ON record (cid);
CREATE INDEX record_rev ON record (rev);

-- What a record points at, for the collections in which one subject is wanted once.
CREATE TABLE backlink (
	collection TEXT NOT NULL,
	rkey       TEXT NOT NULL,
	subject    TEXT NOT NULL,
	PRIMARY KEY (collection, rkey)
) STRICT, WITHOUT ROWID;
CREATE INDEX backlink_subject ON backlink (collection, subject);

CREATE TABLE blob (
	cid          BLOB    NOT NULL PRIMARY KEY,
	mime_type    TEXT    NOT NULL,
	size         INTEGER NOT NULL,
	temporary    INTEGER NOT NULL CHECK (temporary IN (0, 1)),
	created_at   INTEGER NOT NULL,
	takedown_ref TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE record_blob (
	blob_cid   BLOB NOT NULL,
	collection TEXT NOT NULL,
	rkey       TEXT NOT NULL,
	PRIMARY KEY (blob_cid, collection, rkey)
) STRICT, WITHOUT ROWID;
CREATE INDEX record_blob_record ON record_blob (collection, rkey);

CREATE TABLE preference (
	id    INTEGER PRIMARY KEY,
	name  TEXT NOT NULL,
	value TEXT NOT NULL               -- JSON
) STRICT;
