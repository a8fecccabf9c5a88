package saga

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/did-method-plc/go-didplc/didplc"

	"troupe/actors/identity/plc"
)

// operation is the PLC operation of a story, as its row keeps it.
type operation struct {
	Op     json.RawMessage `json:"op,omitempty"`    // signed; none: the story needs none
	SentAt time.Time       `json:"sentAt,omitzero"` // when the newest sending was about to begin

	doubt bool // a sending was not answered
}

// verdict is what is known of an operation.
type verdict int

const (
	open    verdict = iota // it may have been taken: the directory is to be asked, later
	taken                  // the directory has it
	refused                // the directory does not have it and will not
	unsent                 // it was never sent
)

// send sends an operation until the directory answers. Only this sends, and only
// while somebody waits. save stores the story as sending, before each time. The
// error says why, unless the operation was taken.
func (w *teller) send(op *operation, save func() error) (verdict, error) {
	end := w.o.Now().Add(w.o.Patience)
	wait := w.o.Patience / 40
	for {
		if !w.waits() || !w.o.Now().Before(end) {
			if w.row.Step != stepSending {
				return unsent, ErrUnconfirmed
			}
			return open, ErrUnconfirmed
		}
		op.SentAt = w.o.Now().UTC()
		if err := save(); err != nil {
			if w.row.Step == stepSending || unknown(err) {
				return open, ErrUnconfirmed
			}
			return unsent, err
		}
		w.row.Step = stepSending
		w.o.probe("sending")
		ctx, cancel := context.WithTimeout(w.life, w.o.Sending)
		err := w.o.Directory.Submit(ctx, w.row.DID, op.Op)
		cancel()
		w.o.probe("sent")
		switch {
		case err == nil:
			return taken, nil
		case errors.Is(err, plc.ErrRejected), errors.Is(err, plc.ErrOperation):
			if op.doubt { // an earlier copy may still be on its way
				return open, ErrUnconfirmed
			}
			return refused, fmt.Errorf("%w: %w", ErrRefused, err)
		}
		op.doubt = true
		w.o.Logger.Warn("PLC directory does not answer", w.attrs(slog.Any("error", err))...)
		w.pause(wait)
		wait *= 2
	}
}

// arrived asks the directory what became of an operation that changes a DID.
func (w *teller) arrived(op operation) verdict {
	sent, err := plc.Parse(op.Op)
	if err != nil {
		w.o.Logger.Error("story holds no PLC operation", w.attrs(slog.Any("error", err))...)
		return open
	}
	ctx, cancel := context.WithTimeout(w.life, w.o.Sending)
	defer cancel()
	has, err := w.o.Directory.Holds(ctx, w.row.DID, sent.CID().String())
	w.o.probe("looked up")
	switch {
	case err != nil && !errors.Is(err, plc.ErrGone):
		w.o.Logger.Warn("story waits for the PLC directory", w.attrs(slog.Any("error", err))...)
		return open
	case has:
		return taken
	case w.o.Now().Before(op.SentAt.Add(w.o.Settle)):
		return open // absence counts only when no copy can still be under way
	}
	return refused
}

// amend makes the operation that changes the DID's newest one, or none if that is
// as it shall be already.
func (w *teller) amend(change func(*didplc.RegularOp) (changed bool)) (operation, error) {
	ctx, cancel := context.WithTimeout(w.client, w.o.Sending)
	defer cancel()
	last, err := w.o.Directory.Last(ctx, w.row.DID)
	if err != nil {
		return operation{}, err
	}
	next, err := plc.Next(last)
	if err != nil {
		return operation{}, err
	}
	if !change(next) {
		return operation{}, nil
	}
	op, err := plc.Sign(next, w.o.Rotation)
	return operation{Op: op}, err
}
