package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// ReferenceVersion is the release of the reference server, npm's
	// @atproto/pds, that is compared with.
	ReferenceVersion = "0.5.35"

	// nodeRelease is the line of Node.js that runs it, as an npm package: the
	// one in PATH may be too old for it.
	nodeRelease = "22"

	// installed is written when everything is in place: an installation that
	// was interrupted is done again.
	installed = "installed"

	runner = "server.mjs"
)

// runnerText starts the reference as its own distribution does, except that it
// listens on this machine only.
const runnerText = `import { Server } from 'node:net'
import { PDS } from '@atproto/pds'

const listen = Server.prototype.listen
Server.prototype.listen = function (port, ...rest) {
  if (typeof port === 'object') return listen.call(this, { ...port, host: '127.0.0.1' }, ...rest)
  return listen.call(this, Number(port), '127.0.0.1', ...rest.filter((r) => typeof r === 'function'))
}
await PDS.run()
`

// ErrNoReference says that the reference server cannot be installed here.
var ErrNoReference = errors.New("the reference server cannot be installed")

// nodePackage is the npm package that holds Node.js for this machine.
func nodePackage() (string, error) {
	arch := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	if runtime.GOOS != "linux" || arch == "" {
		return "", fmt.Errorf("%w: it is run on Linux with amd64 or arm64 only", ErrNoReference)
	}
	return "node-linux-" + arch, nil
}

// InstallReference installs the reference server below cache, which takes some
// minutes, unless it is there, and returns its folder.
func InstallReference(ctx context.Context, cache string, progress io.Writer) (string, error) {
	node, err := nodePackage()
	if err != nil {
		return "", err
	}
	dir, err := filepath.Abs(filepath.Join(cache, "reference-"+ReferenceVersion))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(dir, installed)); err == nil {
		return dir, nil
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", fmt.Errorf("%w: there is no npm in PATH; it comes with Node.js", ErrNoReference)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	manifest, err := json.Marshal(map[string]any{
		"private": true, "dependencies": map[string]string{"@atproto/pds": ReferenceVersion, node: nodeRelease},
	})
	if err != nil {
		return "", err
	}
	for name, text := range map[string]string{"package.json": string(manifest), runner: runnerText} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	fmt.Fprintf(progress, "reference: installing @atproto/pds %s in %s, once\n", ReferenceVersion, dir)
	i := installation{ctx: ctx, dir: dir, home: filepath.Join(dir, "node_modules", node), progress: progress}
	// Scripts would run on the Node.js in PATH and build for that one.
	if err := i.run(dir, npm, "install", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"); err != nil {
		return "", fmt.Errorf("%w: npm install: %w", ErrNoReference, err)
	}
	if err := i.driver(npm); err != nil {
		return "", err
	}
	return dir, os.WriteFile(filepath.Join(dir, installed), nil, 0o644)
}

// installation runs the steps of one.
type installation struct {
	ctx       context.Context
	dir, home string // home: of Node.js
	progress  io.Writer
}

// driver gets the native part of the reference's SQLite driver: a prebuilt one
// for this Node.js where it can be downloaded, else built here.
func (i installation) driver(npm string) error {
	module, node := filepath.Join(i.dir, "node_modules", "better-sqlite3"), filepath.Join(i.home, "bin", "node")
	if i.run(module, node, filepath.Join(i.dir, "node_modules", "prebuild-install", "bin.js")) == nil && i.works(node) == nil {
		return nil
	}
	fmt.Fprintln(i.progress, "reference: its SQLite driver is built, which takes some minutes")
	err := i.run(i.dir, npm, "rebuild", "better-sqlite3", "--foreground-scripts", "--loglevel=error")
	if err = errors.Join(err, i.works(node)); err != nil {
		return fmt.Errorf("%w: its SQLite driver could be neither downloaded nor built (which takes Python 3, make and a C++ compiler): %w", ErrNoReference, err)
	}
	return nil
}

// works opens a database with the driver.
func (i installation) works(node string) error {
	return i.run(i.dir, node, "-e", `new (require("better-sqlite3"))(":memory:")`)
}

// run runs a step with the reference's Node.js in front of PATH, and its
// headers in place of a download. What a failed one said is part of the error.
func (i installation) run(dir, program string, args ...string) error {
	c := exec.CommandContext(i.ctx, program, args...)
	c.Dir = dir
	// An interrupt ends what npm started, such as a compiler, along with it.
	c.SysProcAttr = ownGroup()
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.WaitDelay = time.Second
	c.Env = append(os.Environ(), "PATH="+filepath.Join(i.home, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"), "npm_config_nodedir="+i.home)
	out, err := c.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, tail(string(out), 20))
	}
	return nil
}

// tail is the last lines of a text.
func tail(s string, lines int) string {
	all := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// StartReference starts the reference server that was installed in folder, on
// data below dir; plc is as for [StartServer]. It runs as in production, which
// spares it the checks of its own answers that its development mode makes:
// only what stands in the way of a server of this machine is taken away.
func StartReference(ctx context.Context, folder, dir, plc string) (*Process, error) {
	node, err := nodePackage()
	if err != nil {
		return nil, err
	}
	plc = strings.Replace(plc, "127.0.0.1", "localhost", 1) // it resolves no DID at a bare address
	p := &Process{dir: dir, data: filepath.Join(dir, "data"), tenth: true}
	if err := errors.Join(makeSecrets(dir), os.MkdirAll(filepath.Join(p.data, "blobs"), 0o700), freePorts(&p.port)); err != nil {
		return nil, err
	}
	p.command = func(awake int) *exec.Cmd {
		c := exec.Command(filepath.Join(folder, "node_modules", node, "bin", "node"), "--env-file="+filepath.Join(dir, secrets), runner)
		c.Dir = folder
		c.Env = append(withoutSettings(os.Environ()), "NODE_ENV=production", "LOG_ENABLED=false",
			"PDS_PORT="+strconv.Itoa(p.port), "PDS_HOSTNAME=reference.test", "PDS_DATA_DIRECTORY="+p.data,
			"PDS_BLOBSTORE_DISK_LOCATION="+filepath.Join(p.data, "blobs"), "PDS_DID_PLC_URL="+plc,
			"PDS_INVITE_REQUIRED=false", "PDS_RATE_LIMITS_ENABLED=false", "PDS_DISABLE_SSRF_PROTECTION=true")
		return places(c, awake)
	}
	return p, p.start(ctx, 0)
}

// withoutSettings drops PDS_* names: a server that is measured is set up the
// same everywhere.
func withoutSettings(environ []string) []string {
	var rest []string
	for _, e := range environ {
		if !strings.HasPrefix(e, "PDS_") {
			rest = append(rest, e)
		}
	}
	return rest
}
