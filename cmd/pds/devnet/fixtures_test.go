package devnet

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/did-method-plc/go-didplc/didplc"
)

// fixture reads an audit log that go-didplc ships, real or broken on purpose.
func fixture(t *testing.T, name string) []didplc.LogEntry {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/did-method-plc/go-didplc").Output()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var entries []didplc.LogEntry
	if err := json.Unmarshal(b, &entries); err != nil || len(entries) == 0 {
		t.Fatal(name, err)
	}
	return entries
}

// journalOf writes entries as a journal file.
func journalOf(t *testing.T, entries []didplc.LogEntry) (path string) {
	t.Helper()
	var b bytes.Buffer
	for i := range entries {
		if err := json.NewEncoder(&b).Encode(&entries[i]); err != nil {
			t.Fatal(err)
		}
	}
	path = filepath.Join(t.TempDir(), JournalName)
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func get(t *testing.T, h http.Handler, path string, v any) (status int, header http.Header) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	if w.Code == http.StatusOK && v != nil {
		if err := json.Unmarshal(w.Body.Bytes(), v); err != nil {
			t.Fatalf("%s: %v: %s", path, err, w.Body)
		}
	}
	return w.Code, w.Header()
}

// The public directory's own history is accepted, with the same operations nullified.
func TestRealLogs(t *testing.T) {
	for _, name := range []string{
		"log_bskyapp", "log_legacy_dholms", "log_bnewbold_robocracy", "log_empty_rotation_keys",
		"log_duplicate_rotation_keys", "log_nullification", "log_nullification_nontrivial",
		"log_nullification_at_exactly_72h", "log_nullified_tombstone", "log_tombstone",
	} {
		t.Run(name, func(t *testing.T) {
			want := fixture(t, name)
			p, err := OpenPLC(PLCOptions{Path: journalOf(t, want)})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			did := want[0].DID
			var got []didplc.LogEntry
			get(t, p, "/"+did+"/log/audit", &got)
			if len(got) != len(want) {
				t.Fatalf("%d entries, want %d", len(got), len(want))
			}
			var active []string
			for i := range want {
				wantAt, _ := time.Parse(time.RFC3339Nano, want[i].CreatedAt)
				gotAt, _ := time.Parse(time.RFC3339Nano, got[i].CreatedAt)
				if got[i].CID != want[i].CID || got[i].Nullified != want[i].Nullified || !gotAt.Equal(wantAt) {
					t.Errorf("entry %d: %s %v %s, want %s %v %s", i, got[i].CID, got[i].Nullified, gotAt, want[i].CID, want[i].Nullified, wantAt)
				}
				if !want[i].Nullified {
					active = append(active, want[i].CID)
				}
			}
			if err := didplc.VerifyOpLog(got); err != nil {
				t.Errorf("our audit log does not verify: %v", err)
			}
			var log []didplc.OpEnum
			get(t, p, "/"+did+"/log", &log)
			for i, op := range log {
				if op.AsOperation().CID().String() != active[i] {
					t.Errorf("active operation %d is not %s", i, active[i])
				}
			}
			var last didplc.OpEnum
			get(t, p, "/"+did+"/log/last", &last)
			if len(log) != len(active) || last.AsOperation().CID().String() != active[len(active)-1] {
				t.Errorf("%d active operations, want %d", len(log), len(active))
			}
			wantStatus := http.StatusOK
			if last.Tombstone != nil {
				wantStatus = http.StatusGone
			}
			for _, path := range []string{"/" + did, "/" + did + "/data"} {
				if status, _ := get(t, p, path, nil); status != wantStatus {
					t.Errorf("%s: status %d, want %d", path, status, wantStatus)
				}
			}
		})
	}
}

func TestBrokenLogs(t *testing.T) {
	for name, why := range map[string]string{
		"log_invalid_sig_b64_padding_chars":    "base64",
		"log_invalid_sig_b64_padding_bits":     "base64",
		"log_invalid_sig_b64_newline":          "CRLF",
		"log_invalid_sig_der":                  "signature",
		"log_invalid_sig_p256_high_s":          "signature",
		"log_invalid_sig_k256_high_s":          "signature",
		"log_invalid_nullification_reused_key": "signature",
		"log_invalid_nullification_too_slow":   "72h",
		"log_invalid_update_nullified":         "nullified",
		"log_invalid_update_tombstoned":        "no keys",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := OpenPLC(PLCOptions{Path: journalOf(t, fixture(t, name))})
			if !errors.Is(err, ErrJournal) || !strings.Contains(err.Error(), why) {
				t.Errorf("%v, want ErrJournal about %s", err, why)
			}
		})
	}
}
