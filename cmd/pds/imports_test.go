package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// imports is the architecture: who may import whom inside this module, one way,
//
//	storage ← sequencing ← actors ← http ← cmd
//
// and inside actors mailbox ← sequencer ← repo, account, identity ← saga, where
// the three in the middle do not know each other. A package, or an edge, that is
// not here fails the test: writing it down is the moment to think about it.
// "x/..." is x and everything below.
var imports = []struct {
	pkg string
	may string
}{
	{"storage", ""},
	{"storage/sqlite", ""},
	{"storage/sqlite/faultvfs", ""},
	{"storage/dag", ""},
	{"storage/car", "storage/dag"},
	{"storage/commit", "storage/dag storage/car"},
	{"storage/mst", "storage/dag storage/car"},
	{"storage/keys", ""},
	{"storage/blob/...", "storage/dag storage/keys storage/blob"},
	{"storage/logdb", "storage/sqlite storage/dag"},
	{"storage/repodb", "storage/sqlite storage/dag storage/car storage/mst"},
	{"storage/accountdb", "storage/sqlite"},
	{"storage/diddb", "storage/sqlite"},
	{"storage/lexdb", "storage/sqlite"},
	{"storage/replica", "storage/sqlite storage/blob"},
	{"storage/interop", "storage/..."},

	{"sequencing", "storage/sqlite storage/logdb storage/dag storage/car storage/mst"},

	{"actors", ""},
	{"actors/mailbox", ""},
	{"actors/outbound", ""},
	{"actors/outbound/outboundtest", "actors/outbound"},
	{"actors/sequencer", "actors/mailbox actors/outbound sequencing storage/..."},
	{"actors/lexicon", "actors/mailbox actors/outbound storage/..."},
	{"actors/lexicon/generate", ""},
	{"actors/lexicon/resolver", "actors/lexicon actors/mailbox actors/outbound storage/..."},
	{"actors/repo", "actors/mailbox actors/sequencer sequencing storage/..."},
	{"actors/account", "actors/mailbox actors/permission actors/sequencer sequencing storage/..."},
	{"actors/identity", "actors/mailbox actors/sequencer actors/outbound actors/identity/plc sequencing storage/..."},
	{"actors/identity/plc", "actors/outbound"},
	{"actors/mail", "actors/mailbox"},
	{"actors/permission", ""},
	{"actors/sweeper", "actors/mailbox actors/sequencer actors/repo actors/account sequencing storage/..."},
	{"actors/plcwatch", "actors/mailbox actors/repo actors/account actors/identity/plc sequencing"},
	{"actors/replicator", "actors/mailbox actors/sequencer actors/repo actors/account sequencing storage/..."},
	{"actors/saga", "actors/mailbox actors/outbound actors/sequencer actors/repo actors/account actors/identity/... sequencing storage/..."},

	// The wire. What it knows of storage are values (records, blocks) and the
	// errors that it translates: it opens no file.
	{"http", "http/... actors/... sequencing storage/blob storage/dag storage/car storage/keys storage/repodb"},
	{"http/xrpc", "actors/lexicon"},
	{"http/rate", "http/xrpc"},
	{"http/auth", "http/xrpc http/rate actors/mailbox actors/account actors/identity sequencing"},
	{"http/upstream", "http/xrpc actors/..."},
	{"http/atproto", "http/xrpc http/rate http/auth http/upstream actors/... sequencing storage/blob storage/dag storage/car"},
	{"http/bsky", "http/xrpc http/auth http/upstream actors/... sequencing storage/dag storage/car"},
	{"http/proxy", "http/xrpc http/auth http/upstream actors/..."},
	{"http/oauth", "http/xrpc http/rate http/auth http/dpop http/oauth/... actors/..."},
	{"http/oauth/client", "http/dpop actors/account actors/outbound"},
	{"http/web", "http/xrpc http/auth actors/..."},
	{"http/dpop", ""},
	{"http/firehose", "sequencing"},

	{"cmd/pds", "cmd/pds/... http/... actors/... sequencing storage/..."},
	{"cmd/pds/audit", ""},    // judges the server from outside, so it shares no code with it
	{"cmd/pds/bench", ""},    // a client of any server, so it shares no code with this one
	{"cmd/pds/operator", ""}, // a client of any server
	{"cmd/pds/fsck", "sequencing storage/..."},
	{"cmd/pds/e2e/relay", ""}, // compares two servers from outside
	{"cmd/pds/crashtest", "cmd/pds/audit cmd/pds/devnet cmd/pds/fsck"},                                            // judges from outside, and the files between two lives
	{"cmd/pds/migrate", "storage/car storage/commit storage/dag storage/mst actors/identity/plc actors/outbound"}, // a client of any server
	{"cmd/pds/devnet", "actors/outbound actors/identity/plc storage/sqlite"},
}

// fenced are modules that stay behind one package, so that they can be
// replaced, and their traps are known in one place.
var fenced = []struct {
	module string
	only   string
}{
	{"github.com/ncruces/go-sqlite3", "storage/sqlite storage/sqlite/faultvfs"},
	{"github.com/asynkron/protoactor-go", "actors/mailbox"},
	{"github.com/labstack/echo", "http/..."},
	{"github.com/minio/minio-go", "storage/blob"},
	{"github.com/johannesboyne/gofakes3", "storage/blob/blobtest"},
	{"github.com/gabriel-vasile/mimetype", "storage/blob"},
	{"github.com/wneessen/go-mail", "actors/mail"},
	{"github.com/pquerna/otp", "actors/account"},
}

// storeroom are folder names in which things without an owner pile up.
var storeroom = []string{"internal", "pkg", "util", "utils", "common", "models", "manager", "helpers", "misc"}

const module = "troupe"

type listed struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,GoFiles,Imports", module+"/...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var all []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 20 {
		t.Fatalf("go list found only %d packages", len(all))
	}
	return all
}

// within says whether a package is one of a list, or below an "x/..." in it.
func within(pkg, list string) bool {
	return slices.ContainsFunc(strings.Fields(list), func(one string) bool {
		base, below := strings.CutSuffix(one, "/...")
		return pkg == base || below && strings.HasPrefix(pkg, base+"/")
	})
}

func below(p, parent string) (rel string, ok bool) {
	if p == parent {
		return "", true
	}
	return strings.CutPrefix(p, parent+"/")
}

func TestImportsRunOneWay(t *testing.T) {
	for _, p := range packages(t) {
		pkg, _ := below(p.ImportPath, module)
		i := slices.IndexFunc(imports, func(row struct{ pkg, may string }) bool { return within(pkg, row.pkg) })
		if i < 0 {
			t.Errorf("%s has no row in the table of imports", pkg)
			continue
		}
		for _, imported := range p.Imports {
			if to, ok := below(imported, module); ok && !within(to, imports[i].may) {
				t.Errorf("%s imports %s, which is not in the table of imports", pkg, to)
			}
			for _, f := range fenced {
				if _, ok := below(imported, f.module); ok && !within(pkg, f.only) {
					t.Errorf("%s imports %s, which only %s may", pkg, imported, f.only)
				}
			}
		}
	}
}

// The table itself allows no way back.
func TestTheTableOfImportsHasNoWayBack(t *testing.T) {
	layer := func(list string) int {
		top, _, _ := strings.Cut(list, "/")
		return slices.Index([]string{"storage", "sequencing", "actors", "http", "cmd"}, top)
	}
	for _, row := range imports {
		for _, to := range strings.Fields(row.may) {
			if layer(to) < 0 || layer(to) > layer(row.pkg) {
				t.Errorf("%s may import %s, which is above it", row.pkg, to)
			}
		}
	}
	for _, one := range []string{"actors/repo", "actors/account", "actors/identity", "actors/lexicon", "actors/mail"} {
		for _, other := range []string{"actors/repo", "actors/account", "actors/identity", "actors/lexicon", "actors/mail", "actors/saga"} {
			i := slices.IndexFunc(imports, func(row struct{ pkg, may string }) bool { return row.pkg == one })
			if one != other && within(other, imports[i].may) {
				t.Errorf("%s may import %s", one, other)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range packages(t) {
		pkg, _ := below(p.ImportPath, module)
		text, err := os.ReadFile(filepath.Join(p.Dir, "doc.go"))
		switch {
		case err != nil:
			t.Errorf("%s has no doc.go", pkg)
		case !bytes.HasPrefix(text, []byte("// Package ")) && !bytes.HasPrefix(text, []byte("// Command ")):
			t.Errorf("%s/doc.go does not begin with what the package is", pkg)
		}
		for _, name := range strings.Split(pkg, "/") {
			if slices.Contains(storeroom, name) {
				t.Errorf("%s: a folder named %s has no owner", pkg, name)
			}
		}
		if top, _, _ := strings.Cut(pkg, "/"); path.Base(p.Dir) == top && !slices.Contains([]string{"actors", "http", "storage", "sequencing", "cmd"}, top) {
			t.Errorf("%s is a new folder at the top", pkg)
		}
	}
}

// A file of Go is read from top to bottom by somebody: 500 lines are the end.
func TestNoFileIsTooLong(t *testing.T) {
	for _, p := range packages(t) {
		for _, name := range p.GoFiles {
			text, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if n := bytes.Count(text, []byte("\n")); n > 500 && !bytes.Contains(text[:min(len(text), 500)], []byte("DO NOT EDIT")) {
				t.Errorf("%s/%s has %d lines", p.ImportPath, name, n)
			}
		}
	}
}
