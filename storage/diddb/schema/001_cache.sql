CREATE TABLE documents (
  did        TEXT PRIMARY KEY,
  json       BLOB NOT NULL,
  fetched_at INTEGER NOT NULL -- ms since 1970
) STRICT;
CREATE INDEX documents_by_age ON documents (fetched_at);

CREATE TABLE handles (
  handle     TEXT PRIMARY KEY, -- normalised
  did        TEXT NOT NULL,
  fetched_at INTEGER NOT NULL -- ms since 1970
) STRICT, WITHOUT ROWID;
CREATE INDEX handles_by_age ON handles (fetched_at);
