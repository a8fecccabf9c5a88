package sequencing

import "troupe/storage/logdb"

// EventOf is a stored row with its private half, for tools that read the log's
// file beside no running server. Nothing of the row is kept.
func EventOf(e *logdb.Entry) (Event, error) { return replayEvent(e) }
