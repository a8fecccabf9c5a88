package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/cmd/pds/fsck"
)

// fsckCommand is `pds fsck`.
type fsckCommand struct {
	EnvFile string            `help:"File of PDS_* names, NAME=value a line. The environment goes before it, flags before both." type:"existingfile"`
	Data    string            `help:"PDS_DATA_DIRECTORY. (What pds dev keeps is in the folder data of its own.)" type:"path"`
	Set     map[string]string `help:"Any other PDS_* setting that says where files are, NAME=value; repeatable." mapsep:"none"`
	DID     string            `help:"Look at one account only." name:"did"`
	Quiet   bool              `help:"No progress, no notes." short:"q"`

	out, progress io.Writer // nil: standard output and standard error
}

// Exit codes of pds fsck.
var (
	errFindings = exitError{1, errors.New("fsck: the data directory breaks rules")}
	errUnseen   = exitError{2, errors.New("fsck: not everything could be looked at")}
)

// progressEvery is how often a long check says how far it is.
const progressEvery = 5 * time.Second

// Run checks the directory: exit code 0 if it is sound, 1 with findings, 2 if
// it could not look.
func (c *fsckCommand) Run(ctx context.Context) error {
	if c.out == nil {
		c.out, c.progress = os.Stdout, os.Stderr
	}
	err := c.check(ctx)
	if coded := (exitError{}); err == nil || errors.As(err, &coded) {
		return err
	}
	return exitError{2, err}
}

func (c *fsckCommand) check(ctx context.Context) error {
	config, err := c.places()
	if err != nil {
		return err
	}
	o := fsck.Options{
		Data: config.Data, Sequencer: config.Sequencer, Accounts: config.Accounts, DIDCache: config.DIDCache,
		LexiconCache: config.LexiconCache,
		Actors:       config.Actors, KEK: config.KEK,
		Found: func(f fsck.Finding) { fmt.Fprintln(c.out, f) },
		Noted: func(n fsck.Note) {
			if !c.Quiet || n.Unseen {
				fmt.Fprintln(c.out, "note:", n)
			}
		},
	}
	if c.DID != "" {
		if o.DID, err = syntax.ParseDID(c.DID); err != nil {
			return err
		}
	}
	if o.Blobs, err = blobsAtRest(config.Blobs); err != nil {
		return err
	}
	lock, err := lockExisting(config.Data)
	if err != nil {
		return err
	}
	defer lock.Close()
	done := c.watch(&o)
	began := time.Now()
	s, err := fsck.Check(ctx, o)
	done()
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "looked at %d accounts, %d files, %d folders, %d entries of the log, %d commits in %.1f s\n",
		s.Accounts, s.Files, s.Folders, s.Entries, s.Commits, time.Since(began).Seconds())
	fmt.Fprintf(c.out, "findings: %d; files behind the log, which is legal: %d; notes: %d; could not be looked at: %d\n",
		s.Findings, s.Behind, s.Notes, s.Unseen)
	switch {
	case s.Findings > 0:
		return errFindings
	case s.Unseen > 0:
		return errUnseen
	}
	return nil
}

// places reads the settings that say where files are, and no others: a check
// needs no secret.
func (c *fsckCommand) places() (config Config, err error) {
	overrides := map[string]string{}
	for k, v := range c.Set {
		overrides[k] = v
	}
	if c.Data != "" {
		overrides["PDS_DATA_DIRECTORY"] = c.Data
	}
	s, err := newSettings(overrides, os.Environ(), c.EnvFile)
	if err != nil {
		return Config{}, err
	}
	config.readStorage(s)
	if s.err != nil {
		return Config{}, s.err
	}
	// The same strings as in findings, whatever the settings were relative to.
	if config.Blobs, err = blobsToCheck(s, config.Data); err != nil {
		return Config{}, err
	}
	for _, path := range []*string{&config.Data, &config.Accounts, &config.Sequencer, &config.DIDCache, &config.LexiconCache, &config.Actors, &config.KEK} {
		if *path, err = filepath.Abs(*path); err != nil {
			return Config{}, err
		}
	}
	return config, nil
}

// lockExisting takes the lock of a data directory and makes nothing. Where no
// server has ever run, in a copy for instance, there is none to take.
func lockExisting(dir string) (io.Closer, error) {
	f, err := os.Open(filepath.Join(dir, lockFile))
	if errors.Is(err, fs.ErrNotExist) {
		return io.NopCloser(nil), nil
	}
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s is in use by another pds process; stop it first", dir)
		}
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return f, nil
}

// watch has the check say how far it is; done ends that.
func (c *fsckCommand) watch(o *fsck.Options) (done func()) {
	if c.Quiet || c.progress == nil {
		return func() {}
	}
	var at, about atomic.Int64
	o.Progress = func(n, of int64) { at.Store(n); about.Store(of) }
	stop := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(progressEvery)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				if at.Load() == 0 {
					fmt.Fprintln(c.progress, "reading the log")
				} else {
					fmt.Fprintf(c.progress, "account %d of about %d\n", at.Load(), about.Load())
				}
			case <-stop:
				return
			}
		}
	}()
	return func() { close(stop); <-ended }
}
