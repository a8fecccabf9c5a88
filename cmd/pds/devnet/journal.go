package devnet

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/did-method-plc/go-didplc/didplc"

	"troupe/storage/sqlite"
)

// journal is the file of accepted operations, one JSON line each.
type journal struct {
	file *os.File
	size int64 // up to here every line is whole and synced
}

// openJournal reads the file at path line by line into replay and leaves it open at
// its end. A torn last line is cut off: its operation was never acknowledged.
func openJournal(path string, replay func(didplc.LogEntry) error) (*journal, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("devnet: %w", err)
	}
	j := &journal{file: f}
	if err := j.load(replay); err != nil {
		f.Close()
		return nil, err
	}
	// The name must survive a power cut like the lines do.
	if err := sqlite.FsyncDir(filepath.Dir(path)); err != nil {
		f.Close()
		return nil, fmt.Errorf("devnet: %w", err)
	}
	return j, nil
}

func (j *journal) load(replay func(didplc.LogEntry) error) error {
	lines := bufio.NewReader(j.file)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("devnet: %w", err)
		}
		var e didplc.LogEntry
		if err := json.Unmarshal(bytes.TrimSpace(line), &e); err != nil {
			return fmt.Errorf("%w: line %d: %w", ErrJournal, n, err)
		}
		if err := replay(e); err != nil {
			return fmt.Errorf("%w: line %d: %w", ErrJournal, n, err)
		}
		j.size += int64(len(line))
	}
	return j.rewind()
}

// append writes one line and syncs it. After an error the file is as before, or the
// journal refuses everything that follows.
func (j *journal) append(e *didplc.LogEntry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("devnet: %w", err)
	}
	line = append(line, '\n')
	if _, err = j.file.Write(line); err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("devnet: journal: %w", err), j.rewind())
	}
	j.size += int64(len(line))
	return nil
}

// rewind cuts off what follows the last whole line. If even that fails the file is
// closed, so that nothing is ever written behind a torn line.
func (j *journal) rewind() error {
	err := j.file.Truncate(j.size)
	if err == nil {
		_, err = j.file.Seek(j.size, io.SeekStart)
	}
	if err != nil {
		j.file.Close()
		return fmt.Errorf("devnet: journal: %w", err)
	}
	return nil
}

func (j *journal) close() error { return j.file.Close() }
