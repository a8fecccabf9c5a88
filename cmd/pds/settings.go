package main

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// settings reads PDS_* values: flags before the environment before the file.
// Parsing is the reference's: an empty value is no value, a boolean is true, 1,
// false or 0 and anything else is no value, a list is separated by commas. The
// first value that makes no sense is kept as err.
type settings struct {
	layers []map[string]string
	read   map[string]bool
	err    error
}

// newSettings layers overrides, the environment and an optional file.
func newSettings(overrides map[string]string, environ []string, file string) (*settings, error) {
	env := map[string]string{}
	for _, kv := range environ {
		if k, v, ok := strings.Cut(kv, "="); ok && strings.HasPrefix(k, "PDS_") {
			env[k] = v
		}
	}
	s := &settings{layers: []map[string]string{overrides, env}, read: map[string]bool{}}
	if file == "" {
		return s, nil
	}
	fromFile, err := readEnvFile(file)
	s.layers = append(s.layers, fromFile)
	return s, err
}

// readEnvFile reads NAME=value lines; # begins a comment line, quotes around a
// value are taken off, a leading "export" is allowed.
func readEnvFile(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all := map[string]string{}
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(lines.Text()), "export "))
		if line == "" || line[0] == '#' {
			continue
		}
		k, v, ok := strings.Cut(line, "=")
		if !ok {
			return nil, fmt.Errorf("%s:%d: expected NAME=value", path, n)
		}
		v = strings.TrimSpace(v)
		if len(v) >= 2 && (v[0] == '"' || v[0] == '\'') && v[len(v)-1] == v[0] {
			v = v[1 : len(v)-1]
		}
		all[strings.TrimSpace(k)] = v
	}
	return all, lines.Err()
}

func (s *settings) text(name string) string {
	s.read[name] = true
	for _, layer := range s.layers {
		if v := layer[name]; v != "" {
			return v
		}
	}
	return ""
}

func (s *settings) textOr(name, otherwise string) string {
	if v := s.text(name); v != "" {
		return v
	}
	return otherwise
}

func (s *settings) flag(name string, otherwise bool) bool {
	switch s.text(name) {
	case "true", "1":
		return true
	case "false", "0":
		return false
	}
	return otherwise
}

func (s *settings) number(name string, otherwise int64) int64 {
	v := s.text(name)
	if v == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 0 {
		s.fail("%s must be a whole number, not %q", name, v)
	}
	return n
}

func (s *settings) millis(name string, otherwise time.Duration) time.Duration {
	return time.Duration(s.number(name, otherwise.Milliseconds())) * time.Millisecond
}

func (s *settings) list(name string) []string {
	var all []string
	for v := range strings.SplitSeq(s.text(name), ",") {
		if v = strings.TrimSpace(v); v != "" {
			all = append(all, v)
		}
	}
	return all
}

// required is a value without which the server cannot start.
func (s *settings) required(name, what string) string {
	v := s.text(name)
	if v == "" {
		s.fail("%s is not set: %s", name, what)
	}
	return v
}

// together demands that all of the names are set, or none.
func (s *settings) together(names ...string) {
	set := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return s.text(n) == "" })
	if len(set) > 0 && len(set) < len(names) {
		s.fail("%s is set, so %s must be set too", set[0], strings.Join(slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(set, n) }), " and "))
	}
}

// service reads the two names <prefix>_URL and <prefix>_DID.
func (s *settings) service(prefix string) RemoteService {
	r := RemoteService{URL: strings.TrimSuffix(s.text(prefix+"_URL"), "/")}
	if did := s.text(prefix + "_DID"); did != "" {
		var err error
		if r.DID, err = syntax.ParseDID(did); err != nil {
			s.fail("%s_DID must be a DID: %v", prefix, err)
		}
	}
	return r
}

// refuse stops the start if a name is set that asks for what is not served.
func (s *settings) refuse(prefix, why string) {
	for _, layer := range s.layers {
		for name, v := range layer {
			if strings.HasPrefix(name, prefix) && v != "" {
				s.fail("%s is set, but %s", name, why)
			}
		}
	}
}

// unread are names that are set and that nothing asked for, sorted.
func (s *settings) unread() []string {
	var names []string
	for _, layer := range s.layers {
		for name, v := range layer {
			if !s.read[name] && v != "" && strings.HasPrefix(name, "PDS_") {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (s *settings) fail(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf(format, args...)
	}
}
