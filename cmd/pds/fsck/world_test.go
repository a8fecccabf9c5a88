package fsck_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ncruces/go-sqlite3"

	"troupe/actors/account"
	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/cmd/pds/fsck"
	"troupe/sequencing"
	"troupe/storage/dag"
	"troupe/storage/diddb"
	"troupe/storage/keys"
	"troupe/storage/repodb"
)

const posts syntax.NSID = "app.bsky.feed.post"

// server is the production actors over a directory.
type server struct {
	t        testing.TB
	dir      string
	log      *sequencing.SQLiteLog
	system   *mailbox.System
	repos    *mailbox.Router[*repo.Repo]
	accounts *mailbox.Handle[*account.Accounts]
	flusher  *repo.Flusher
	vault    *keys.Vault
}

func start(t testing.TB, dir string) *server {
	t.Helper()
	s := &server{t: t, dir: dir}
	quiet := slog.New(slog.DiscardHandler)
	var err error
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(dir, "actors"), 0o700))
	s.vault, _, err = keys.OpenVault(filepath.Join(dir, "keys", "kek"), true)
	must(err)
	s.log, err = sequencing.OpenLog(t.Context(), filepath.Join(dir, "sequencer.sqlite"), sequencing.LogOptions{Logger: quiet})
	must(err)
	s.system = mailbox.NewSystem(quiet)
	s.accounts, err = account.Spawn(s.system, account.Options{
		Path: filepath.Join(dir, "account.sqlite"), Log: s.log, Index: account.NewIndex(), Tick: time.Hour, Logger: quiet,
	})
	must(err)
	s.flusher = repo.NewFlusher(filepath.Join(dir, "actors"), s.log, quiet)
	config := repo.Config{
		Root: filepath.Join(dir, "actors"), Vault: s.vault, Log: s.log, Append: s.log.Append,
		Clock: sequencing.SystemClock(), Flusher: s.flusher, Snapshots: &repodb.Snapshots{}, Logger: quiet,
	}
	s.repos = mailbox.NewRouter(s.system, mailbox.RouterOptions{Name: "repo", Live: 16, Shards: 4, Tick: time.Hour, Log: quiet},
		func(key string, self mailbox.Self) *repo.Repo { return repo.New(config, syntax.DID(key), self) })
	cache, err := diddb.Open(t.Context(), filepath.Join(dir, diddb.FileName), diddb.Options{})
	must(err)
	must(cache.Close())
	return s
}

// stop ends in order.
func (s *server) stop() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, end := range []func(context.Context) error{
		s.repos.Close, s.accounts.Stop,
		func(context.Context) error { s.flusher.Close(); return nil },
		func(context.Context) error { return s.log.Close() },
	} {
		if err := end(ctx); err != nil {
			s.t.Error(err)
		}
	}
	s.system.Shutdown()
}

func did(i int) syntax.DID {
	return syntax.DID(fmt.Sprintf("did:plc:aaaaaaaaaaaaaaaaaaaaaaa%c", 'a'+i))
}

func (s *server) folder(d syntax.DID) string {
	return keys.ActorDir(filepath.Join(s.dir, "actors"), d)
}

// join makes a key and a repository.
func (s *server) join(d syntax.DID, status sequencing.Status) {
	s.t.Helper()
	k, err := atcrypto.GeneratePrivateKeyK256()
	if err == nil {
		err = os.MkdirAll(s.folder(d), 0o700)
	}
	if err == nil {
		err = s.vault.WriteSigningKey(s.folder(d), d, k)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	ask(s, d, repo.Create{Handle: syntax.Handle("h" + string(d[len(d)-1:]) + ".test"), Status: status})
	s.follow()
}

func (s *server) follow() {
	s.t.Helper()
	if _, err := mailbox.Ask(s.t.Context(), s.accounts.Address(), account.CatchUp{}); err != nil {
		s.t.Fatal(err)
	}
}

func ask[R any](s *server, d syntax.DID, m mailbox.Message[*repo.Repo, R]) R {
	s.t.Helper()
	r, err := mailbox.Ask(s.t.Context(), s.repos.Of(d.String()), m)
	if err != nil {
		s.t.Fatalf("%T: %v", m, err)
	}
	return r
}

func record(t testing.TB, text string) dag.Record {
	t.Helper()
	r, err := dag.FromJSON(fmt.Appendf(nil, `{"$type":"app.bsky.feed.post","text":%q,"createdAt":"2026-01-01T00:00:00Z"}`, text), dag.RecordLimits)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// write creates, updates and deletes: n batches of three.
func (s *server) write(d syntax.DID, from, n int) {
	s.t.Helper()
	for i := from; i < from+n; i++ {
		key := func(j int) syntax.RecordKey { return syntax.RecordKey(fmt.Sprintf("k%04d", j)) }
		batch := []repo.Write{{Action: sequencing.ActionCreate, Collection: posts, RKey: key(i), Record: record(s.t, fmt.Sprint("new ", i))}}
		if i > 0 {
			batch = append(batch, repo.Write{Action: sequencing.ActionUpdate, Collection: posts, RKey: key(i - 1), Record: record(s.t, fmt.Sprint("changed ", i))})
		}
		if i > 8 && i%4 == 0 {
			batch = append(batch, repo.Write{Action: sequencing.ActionDelete, Collection: posts, RKey: key(i - 8)})
		}
		ask(s, d, repo.ApplyWrites{Writes: batch})
	}
}

// The accounts of a sample directory.
var (
	alice = did(0) // many records
	bob   = did(1) // few
	carol = did(2) // deactivated
	dan   = did(3) // taken down, then active again
	web   = syntax.DID("did:web:example.com%3A8443")
)

// once is the sample that every test gets a copy of.
var once struct {
	sync.Once
	dir string
}

func TestMain(m *testing.M) {
	code := m.Run()
	os.RemoveAll(once.dir)
	os.Exit(code)
}

// sample is a data directory as a server leaves it that was stopped in order.
func sample(t testing.TB) string {
	t.Helper()
	once.Do(func() {
		dir, err := os.MkdirTemp("", "fsck")
		if err != nil {
			t.Fatal(err)
		}
		once.dir = dir
		makeSample(t, dir)
	})
	dir := filepath.Join(t.TempDir(), "data")
	copyTree(t, once.dir, dir)
	return dir
}

func makeSample(t testing.TB, dir string) {
	t.Helper()
	s := start(t, dir)
	for _, d := range []syntax.DID{alice, bob, carol, dan, web} {
		s.join(d, sequencing.StatusActive)
	}
	s.write(alice, 0, 60)
	s.write(bob, 0, 3)
	s.write(web, 0, 3)
	ask(s, carol, repo.SetStatus{Status: sequencing.StatusDeactivated})
	ask(s, dan, repo.SetStatus{Status: sequencing.StatusTakendown})
	s.write(bob, 3, 1)
	ask(s, dan, repo.SetStatus{Status: sequencing.StatusActive})
	s.follow()
	s.stop()
}

func options(dir string) fsck.Options {
	return fsck.Options{
		Data: dir, Sequencer: filepath.Join(dir, "sequencer.sqlite"), Accounts: filepath.Join(dir, "account.sqlite"),
		DIDCache: filepath.Join(dir, "did_cache.sqlite"), Actors: filepath.Join(dir, "actors"), KEK: filepath.Join(dir, "keys", "kek"),
		Workers: 2,
	}
}

// run checks a directory.
func run(t testing.TB, o fsck.Options) (fsck.Summary, []fsck.Finding, []fsck.Note) {
	t.Helper()
	var found []fsck.Finding
	var noted []fsck.Note
	o.Found = func(f fsck.Finding) { found = append(found, f) }
	o.Noted = func(n fsck.Note) { noted = append(noted, n) }
	summary, err := fsck.Check(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if summary.Findings != len(found) || summary.Notes+summary.Unseen != len(noted) {
		t.Errorf("the summary %+v counts other than %d findings and %d notes", summary, len(found), len(noted))
	}
	return summary, found, noted
}

// pragma changes a database's header.
func pragma(t testing.TB, path, statement string) {
	t.Helper()
	c, err := sqlite3.Open("file:" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

// sql changes rows behind everybody's back.
func sql(t testing.TB, path, statement string, args ...any) {
	t.Helper()
	c, err := sqlite3.Open("file:" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, _, err := c.Prepare(statement)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i, a := range args {
		switch v := a.(type) {
		case string:
			err = s.BindText(i+1, v)
		case []byte:
			err = s.BindBlob(i+1, v)
		case int:
			err = s.BindInt(i+1, v)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Exec(); err != nil {
		t.Fatal(err)
	}
	if c.TotalChanges() == 0 {
		t.Fatalf("%s changed nothing", statement)
	}
}

// copyTree copies a directory, modes included.
func copyTree(t testing.TB, from, to string) {
	t.Helper()
	err := filepath.Walk(from, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(from, path)
		if info.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), info.Mode().Perm())
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, info.Mode().Perm())
	})
	if err != nil {
		t.Fatal(err)
	}
}
