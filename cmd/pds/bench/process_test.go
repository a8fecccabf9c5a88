package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func self(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("BENCH_FAKE_SERVER", "1")
	return exe
}

// told is what a fake server was started with.
func told(t *testing.T, p *Process) string {
	t.Helper()
	answer, err := http.Get(p.Server("x").URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A started server keeps its data and port, and has fewer places only as long
// as they are asked for.
func TestStartedServer(t *testing.T) {
	t.Setenv("PDS_CRAWLERS", "https://elsewhere.example")
	dir := t.TempDir()
	p, err := StartServer(t.Context(), self(t), dir, "http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	s := p.Server("x")
	first := told(t, p)
	for _, want := range []string{
		"serve --env-file " + filepath.Join(dir, secrets), "PDS_DATA_DIRECTORY=" + filepath.Join(dir, "data"),
		"PDS_DID_PLC_URL=http://127.0.0.1:1", "PDS_BIND_ADDRESS=127.0.0.1", "PDS_RATE_LIMITS_ENABLED=false",
	} {
		if !strings.Contains(first, want) {
			t.Errorf("no %q in\n%s", want, first)
		}
	}
	if strings.Contains(first, "CRAWLERS") || strings.Contains(first, "CACHE_SIZE") {
		t.Errorf("settings that nobody asked for:\n%s", first)
	}
	if p.Healthy == 0 || s.PID != p.PID() || s.Process != p {
		t.Errorf("healthy after %v, %+v", p.Healthy, s)
	}
	if cpu := measure(p.PID()); !cpu.known || cpu.rss == 0 {
		t.Errorf("%+v", cpu)
	}
	if err := p.Restart(t.Context(), 7); err != nil {
		t.Fatal(err)
	}
	if got := told(t, p); !strings.Contains(got, "PDS_ACTOR_STORE_CACHE_SIZE=7\n") || s.PID == p.PID() {
		t.Errorf("with seven places, as process %d after %d:\n%s", p.PID(), s.PID, got)
	}
	if err := p.Restart(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if got := told(t, p); got != first {
		t.Errorf("started again:\n%s\nwant\n%s", got, first)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if measure(p.PID()).known {
		t.Error("it still runs")
	}
}

// Secrets are made once: tokens of the last run are good for the next.
func TestSecretsAreKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	var texts [2]string
	for i := range texts {
		if err := makeSecrets(dir); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, secrets))
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = string(text)
	}
	if texts[0] != texts[1] || !strings.Contains(texts[0], "PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX=") {
		t.Errorf("%q, then %q", texts[0], texts[1])
	}
	info, err := os.Stat(filepath.Join(dir, secrets))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestServerThatDoesNotStartSaysWhy(t *testing.T) {
	exe := self(t)
	t.Setenv("BENCH_FAKE_SERVER", "broken")
	if _, err := StartServer(t.Context(), exe, t.TempDir(), ""); err == nil || !strings.Contains(err.Error(), "no disk") {
		t.Errorf("%v", err)
	}
}

// fakeNPM puts an npm in PATH that notes how it was called. The Node.js that it
// installs runs this test as the server. prebuilt says whether the driver can
// be downloaded, built whether building it helps.
func fakeNPM(t *testing.T, prebuilt, built bool) (calls func() string) {
	t.Helper()
	node, err := nodePackage()
	if err != nil {
		t.Skip(err)
	}
	bin := t.TempDir()
	note := filepath.Join(bin, "calls")
	script := fmt.Sprintf(`#!/bin/sh
echo "npm $*" >>%[1]s
if [ "$1" = rebuild ]; then
	[ "$(command -v node)" = "$PWD/node_modules/%[2]s/bin/node" ] || { echo "the wrong node"; exit 1; }
	[ "$npm_config_nodedir" = "$PWD/node_modules/%[2]s" ] || { echo "the wrong headers"; exit 1; }
	%[3]v && touch driver
	exit 0
fi
mkdir -p node_modules/%[2]s/bin node_modules/better-sqlite3
cat >node_modules/%[2]s/bin/node <<'END'
#!/bin/sh
case "$1" in
*prebuild-install/bin.js) %[4]v && touch ../../driver ;;
-e) [ -f driver ] || { echo "wrong ABI"; exit 1; } ;;
*) exec %[5]s "$@" ;;
esac
END
chmod +x node_modules/%[2]s/bin/node
`, note, node, built, prebuilt, self(t))
	if err := os.WriteFile(filepath.Join(bin, "npm"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	return func() string {
		text, _ := os.ReadFile(note)
		return string(text)
	}
}

// The reference is installed once, and started with settings that suit a
// measurement.
func TestReferenceIsInstalledAndStarted(t *testing.T) {
	calls := fakeNPM(t, true, false)
	cache, data := t.TempDir(), t.TempDir()
	var folder string
	for range 2 {
		var err error
		if folder, err = InstallReference(t.Context(), cache, io.Discard); err != nil {
			t.Fatal(err)
		}
	}
	if got := calls(); strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, "npm install --ignore-scripts") {
		t.Errorf("npm was called: %q", got)
	}
	manifest, err := os.ReadFile(filepath.Join(folder, "package.json"))
	if err != nil || !strings.Contains(string(manifest), `"@atproto/pds":"`+ReferenceVersion+`"`) {
		t.Errorf("%s, %v", manifest, err)
	}
	t.Setenv("PDS_REDIS_SCRATCH_ADDRESS", "elsewhere")
	p, err := StartReference(t.Context(), folder, data, "http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	got := told(t, p)
	for _, want := range []string{
		"--env-file=" + filepath.Join(data, secrets) + " " + runner + "\n", "PDS_DID_PLC_URL=http://localhost:1\n",
		"PDS_RATE_LIMITS_ENABLED=false\n", "PDS_INVITE_REQUIRED=false\n", "PDS_DATA_DIRECTORY=" + filepath.Join(data, "data"),
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "REDIS") {
		t.Errorf("settings of somebody else:\n%s", got)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
}

func TestReferenceDriverIsBuiltWhereItCannotBeDownloaded(t *testing.T) {
	calls := fakeNPM(t, false, true)
	if _, err := InstallReference(t.Context(), t.TempDir(), io.Discard); err != nil {
		t.Fatal(err)
	}
	if got := calls(); !strings.Contains(got, "npm rebuild better-sqlite3") {
		t.Errorf("npm was called: %q", got)
	}
}

// What is half installed is not taken for whole the next time.
func TestReferenceThatCannotBeInstalledSaysWhy(t *testing.T) {
	calls := fakeNPM(t, false, false)
	cache := t.TempDir()
	for range 2 {
		_, err := InstallReference(t.Context(), cache, io.Discard)
		if err == nil || !strings.Contains(err.Error(), "C++ compiler") || !strings.Contains(err.Error(), "wrong ABI") {
			t.Errorf("%v", err)
		}
	}
	if got := calls(); strings.Count(got, "npm install") != 2 {
		t.Errorf("npm was called: %q", got)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := exec.LookPath("npm"); err == nil {
		t.Fatal("there is an npm")
	}
	if _, err := InstallReference(t.Context(), cache, io.Discard); err == nil || !strings.Contains(err.Error(), "no npm in PATH") {
		t.Errorf("%v", err)
	}
}

// An interrupt while it is installed ends whatever npm has started.
func TestInterruptedInstallationLeavesNothingRunning(t *testing.T) {
	if _, err := nodePackage(); err != nil {
		t.Skip(err)
	}
	bin := t.TempDir()
	note := filepath.Join(bin, "child")
	script := fmt.Sprintf("#!/bin/sh\nsleep 60 &\necho $! >%[1]s.new\nmv %[1]s.new %[1]s\nwait\n", note)
	if err := os.WriteFile(filepath.Join(bin, "npm"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var child int
	go func() {
		defer cancel()
		for child == 0 && ctx.Err() == nil {
			text, _ := os.ReadFile(note)
			fmt.Sscan(string(text), &child)
			time.Sleep(time.Millisecond)
		}
	}()
	_, err := InstallReference(ctx, t.TempDir(), io.Discard)
	<-ctx.Done()
	if err == nil || child == 0 {
		t.Fatalf("%v, child %d", err, child)
	}
	for range 1000 { // its parent is gone: whoever inherits it buries it in its own time
		if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", child)); err != nil || strings.Contains(string(text), ") Z ") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("process %d is still there", child)
}
