package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"troupe/cmd/pds/bench"
	"troupe/cmd/pds/devnet"
)

// startedServers are those that `pds bench` started, each with a PLC directory
// that this process serves: what a directory costs is nobody's but the run's.
type startedServers struct {
	progress io.Writer
	servers  []bench.Server
	notes    []string
	ends     []func() error // in the order in which things were begun
}

// stop ends everything, the last first.
func (s *startedServers) stop() {
	for i := len(s.ends) - 1; i >= 0; i-- {
		if err := s.ends[i](); err != nil {
			fmt.Fprintln(s.progress, "pds bench:", err)
		}
	}
	s.ends = nil
}

// ours starts this same program, in a folder that goes with it unless it was named.
func (s *startedServers) ours(ctx context.Context, dir string) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	if dir == "" {
		if dir, err = os.MkdirTemp("", "pds-bench-"); err != nil {
			return err
		}
		s.ends = append(s.ends, func() error { return os.RemoveAll(dir) })
	}
	return s.start("troupe", dir, func(plc string) (*bench.Process, error) { return bench.StartServer(ctx, exe, dir, plc) })
}

// reference starts the reference server on data that is kept in cache.
func (s *startedServers) reference(ctx context.Context, cache string) error {
	folder, err := bench.InstallReference(ctx, cache, s.progress)
	if err != nil {
		return err
	}
	dir := filepath.Join(folder, "run")
	return s.start("reference "+bench.ReferenceVersion, dir, func(plc string) (*bench.Process, error) {
		return bench.StartReference(ctx, folder, dir, plc)
	})
}

func (s *startedServers) start(name, dir string, start func(plc string) (*bench.Process, error)) error {
	lock, err := lockDirectory(dir)
	if err != nil {
		return err
	}
	s.ends = append(s.ends, lock.Close)
	directory, err := devnet.OpenPLC(devnet.PLCOptions{Path: filepath.Join(dir, devnet.JournalName), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	s.ends = append(s.ends, directory.Close)
	plc, err := directory.Listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	p, err := start(plc)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	s.ends = append(s.ends, func() error {
		if err := p.Stop(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
	s.servers = append(s.servers, p.Server(name))
	s.notes = append(s.notes, fmt.Sprintf("%s: healthy after %d ms, %.0f MB then", name, p.Healthy.Milliseconds(), p.Idle))
	return nil
}
