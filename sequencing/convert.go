package sequencing

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"troupe/storage/logdb"
	"troupe/storage/sqlite"
)

// Times are kept in microseconds, the resolution of a rev.

func microTime(us int64) time.Time { return time.UnixMicro(us).UTC() }

func headFromRow(r *logdb.Head) Head {
	return Head{
		DID: r.DID, Seq: Seq(r.Seq), Rev: r.Rev, Commit: r.Commit, Data: r.Data, Status: Status(r.Status),
		Incarnation: r.Incarnation, CreatedAt: microTime(r.CreatedAt), Applied: Seq(r.Applied),
	}
}

func (h *Head) row(id int64) logdb.Head {
	return logdb.Head{
		ID: id, DID: h.DID, Seq: int64(h.Seq), Rev: h.Rev, Commit: h.Commit, Data: h.Data, Status: uint8(h.Status),
		Incarnation: h.Incarnation, CreatedAt: h.CreatedAt.UnixMicro(), Applied: int64(h.Applied),
	}
}

func headsFromRows(rows []logdb.Head) []Head {
	heads := make([]Head, len(rows))
	for i := range rows {
		heads[i] = headFromRow(&rows[i])
	}
	return heads
}

// publicEvent is what subscribers need of a row. The frame is copied: the row's
// memory is SQLite's.
func publicEvent(e *logdb.Entry) Event {
	return Event{
		Seq: Seq(e.Seq), DID: e.DID, Kind: Kind(e.Kind), Visibility: Visibility(e.Public),
		Time: microTime(e.Time), Frame: bytes.Clone(e.Frame),
	}
}

// replayEvent is a row with its private half.
func replayEvent(e *logdb.Entry) (Event, error) {
	ev := publicEvent(e)
	ev.Next = Change{Rev: e.Rev, Commit: e.Commit, Data: e.Data, Status: Status(e.Status)}
	var err error
	ev.Effects, ev.Private, err = decodeEffects(e.Effects)
	return ev, err
}

// readError puts the errors of a read into the words of this package.
func readError(op string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, logdb.ErrChecksum), errors.Is(err, sqlite.ErrCorrupt):
		corruptRows.Inc()
		err = fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return fmt.Errorf("sequencing: %s: %w", op, err)
}
