CREATE TABLE lexicon (
  nsid       TEXT PRIMARY KEY,
  did        TEXT NOT NULL,    -- whose repository it was proven to be in
  rev        TEXT NOT NULL,    -- of the commit that proved it
  fetched_at INTEGER NOT NULL, -- ms since 1970
  documents  BLOB NOT NULL     -- JSON documents, one per line: its own, then those it refers to
) STRICT;
CREATE INDEX lexicon_by_age ON lexicon (fetched_at);
