-- One account's repository and the private state that belongs beside it.
-- rev is the integer form of a TID; times are microseconds since the epoch.
-- SQLite reads the text of every statement whenever a file is opened, so there
-- are few of them, and remarks stand between them and not inside.

-- One row, of id 1. seq is the newest log entry that this file contains. staged
-- names the import whose tables lie beside these; -1 if they are only to go, 0 if
-- there are none. The last columns count the rows of the other tables, see Counts.
CREATE TABLE root (id INTEGER PRIMARY KEY, did TEXT NOT NULL, seq INTEGER NOT NULL, rev INTEGER NOT NULL, commit_cid BLOB NOT NULL, commit_block BLOB NOT NULL, data_cid BLOB NOT NULL, staged INTEGER NOT NULL DEFAULT 0, nodes INTEGER NOT NULL, records INTEGER NOT NULL, referenced INTEGER NOT NULL, blobs INTEGER NOT NULL, blob_bytes INTEGER NOT NULL) STRICT;

-- Nodes of the current tree, and no others. rev is that of the commit that
-- brought the node in.
CREATE TABLE node (cid BLOB PRIMARY KEY, rev INTEGER NOT NULL, block BLOB NOT NULL) STRICT, WITHOUT ROWID;

-- Records lie in tree order, so listing and export are scans. rev is that of the
-- commit that wrote this version; subject is what the record points at, in the
-- collections in which one subject is wanted once.
CREATE TABLE record (collection TEXT, rkey TEXT, cid BLOB NOT NULL, rev INTEGER NOT NULL, indexed_at INTEGER NOT NULL, takedown_ref TEXT, subject TEXT, block BLOB NOT NULL, PRIMARY KEY (collection, rkey)) STRICT, WITHOUT ROWID;
CREATE INDEX record_cid ON record (cid);
CREATE INDEX record_subject ON record (collection, subject) WHERE subject IS NOT NULL;

-- state is a BlobState: 0 a record points at the blob, 1 uploaded and unused, 2
-- being uploaded, 3 its bytes are being deleted, 4 taken down and deleted. The
-- index finds the few that somebody has to come back to; its queries repeat the
-- condition, or SQLite would not see that it holds for them. CIDs of blobs are
-- text, unlike all others, because lists of blobs are in the order of the text.
CREATE TABLE blob (cid TEXT PRIMARY KEY, mime_type TEXT NOT NULL, size INTEGER NOT NULL, state INTEGER NOT NULL, created_at INTEGER NOT NULL, takedown_ref TEXT) STRICT, WITHOUT ROWID;
CREATE INDEX blob_unsettled ON blob (state, created_at) WHERE state > 0;
CREATE TABLE record_blob (blob_cid TEXT, collection TEXT, rkey TEXT, PRIMARY KEY (blob_cid, collection, rkey)) STRICT, WITHOUT ROWID;
CREATE INDEX record_blob_record ON record_blob (collection, rkey);

-- value is JSON.
CREATE TABLE preference (id INTEGER PRIMARY KEY, name TEXT NOT NULL, value TEXT NOT NULL) STRICT;
