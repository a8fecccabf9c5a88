package repo_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/sequencing"
	"troupe/storage/dag"
	"troupe/storage/keys"
	"troupe/storage/repodb"
)

// world is a log and the actors above it, over a directory that survives
// restarts within a test.
type world struct {
	t       testing.TB
	dir     string
	log     *sequencing.SQLiteLog
	sys     *mailbox.System
	repos   *mailbox.Router[*repo.Repo]
	flusher *repo.Flusher
	vault   *keys.Vault
}

func open(t testing.TB, dir string, live int) *world {
	t.Helper()
	return openOn(t, dir, live, "")
}

// openOn has the account files on another file system.
func openOn(t testing.TB, dir string, live int, vfs string) *world {
	t.Helper()
	return openWith(t, dir, mailbox.RouterOptions{Live: live, Shards: 4}, func(c *repo.Config) { c.VFS = vfs })
}

// openWith changes what is usual.
func openWith(t testing.TB, dir string, o mailbox.RouterOptions, change func(*repo.Config)) *world {
	t.Helper()
	w := &world{t: t, dir: dir}
	quiet := slog.New(slog.DiscardHandler)
	var err error
	if err := os.MkdirAll(filepath.Join(dir, "keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	if w.vault, _, err = keys.OpenVault(filepath.Join(dir, "keys", "kek"), true); err != nil {
		t.Fatal(err)
	}
	w.log, err = sequencing.OpenLog(t.Context(), filepath.Join(dir, "sequencer.sqlite"), sequencing.LogOptions{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	w.sys = mailbox.NewSystem(quiet)
	w.flusher = repo.NewFlusher(dir, w.log, quiet)
	config := repo.Config{
		Root: filepath.Join(dir, "actors"), Vault: w.vault, Log: w.log, Append: w.log.Append,
		Clock: sequencing.SystemClock(), Flusher: w.flusher, Pending: &repo.Pending{}, Snapshots: &repodb.Snapshots{}, Logger: quiet,
	}
	change(&config)
	o.Name, o.Tick, o.Log = "repo", 20*time.Millisecond, quiet
	w.repos = mailbox.NewRouter(w.sys, o, func(key string, self mailbox.Self) *repo.Repo {
		return repo.New(config, syntax.DID(key), self)
	})
	return w
}

// close shuts down in order and checks every file's invariants.
func (w *world) close() {
	w.t.Helper()
	defer w.check()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := w.repos.Close(ctx); err != nil {
		w.t.Error(err)
	}
	w.flusher.Close()
	if err := w.log.Close(); err != nil {
		w.t.Error(err)
	}
	w.sys.Shutdown()
}

// check reads every account file and reports what is broken.
func (w *world) check() {
	w.t.Helper()
	files, err := filepath.Glob(filepath.Join(w.dir, "actors", "*", "*", repodb.FileName))
	if err != nil || len(files) == 0 {
		w.t.Error("no account files: ", err)
	}
	for _, f := range files {
		dir := filepath.Dir(f)
		db, err := repodb.Open(context.Background(), dir, syntax.DID(filepath.Base(dir)), repodb.Options{})
		if err != nil {
			w.t.Error(err)
			continue
		}
		err = db.Read(context.Background(), func(r *repodb.Reader) error {
			problems, err := r.Check(context.Background())
			for _, p := range problems {
				w.t.Errorf("%s: %s", f, p)
			}
			return err
		})
		if err != nil {
			w.t.Error(err)
		}
		db.Close()
	}
}

// did makes the i-th DID: 24 letters of base32.
func did(i int) syntax.DID {
	id := []byte("aaaaaaaaaaaaaaaaaaaaaaaa")
	for p := len(id) - 1; i > 0; p, i = p-1, i/26 {
		id[p] = 'a' + byte(i%26)
	}
	return syntax.DID("did:plc:" + string(id))
}

// account makes a signing key and the repository of an account.
func (w *world) account(i int) syntax.DID {
	w.t.Helper()
	k, err := atcrypto.GeneratePrivateKeyK256()
	if err != nil {
		w.t.Fatal(err)
	}
	d := did(i)
	dir := keys.ActorDir(filepath.Join(w.dir, "actors"), d)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := w.vault.WriteSigningKey(dir, d, k); err != nil {
		w.t.Fatal(err)
	}
	ask(w, d, repo.Create{Handle: "a.test", Status: sequencing.StatusActive})
	return d
}

// ask asks and fails the test on an error.
func ask[R any](w *world, d syntax.DID, m mailbox.Message[*repo.Repo, R]) R {
	w.t.Helper()
	r, err := mailbox.Ask(w.t.Context(), w.repos.Of(d.String()), m)
	if err != nil {
		w.t.Fatalf("%T: %v", m, err)
	}
	return r
}

// refusal asks and returns the error.
func refusal[R any](w *world, d syntax.DID, m mailbox.Message[*repo.Repo, R]) error {
	w.t.Helper()
	r, err := mailbox.Ask(w.t.Context(), w.repos.Of(d.String()), m)
	if err == nil {
		w.t.Fatalf("%T was answered with %+v", m, r)
	}
	return err
}

const posts syntax.NSID = "app.bsky.feed.post"

func post(t testing.TB, text string) dag.Record {
	t.Helper()
	r, err := dag.FromJSON(fmt.Appendf(nil, `{"$type":"app.bsky.feed.post","text":%q,"createdAt":"2026-01-01T00:00:00Z"}`, text), dag.RecordLimits)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func create(t testing.TB, rkey, text string) repo.Write {
	return repo.Write{Action: sequencing.ActionCreate, Collection: posts, RKey: syntax.RecordKey(rkey), Record: post(t, text)}
}

func writes(w ...repo.Write) repo.ApplyWrites { return repo.ApplyWrites{Writes: w} }

func TestWrites(t *testing.T) {
	w := open(t, t.TempDir(), 16)
	defer w.close()
	d := w.account(1)

	made := ask(w, d, writes(create(t, "", "hello")))
	if made.Commit == nil || len(made.Results) != 1 {
		t.Fatalf("create answered %+v", made)
	}
	key := made.Results[0].RKey
	if _, err := syntax.ParseTID(key.String()); err != nil {
		t.Errorf("minted key %q: %v", key, err)
	}
	if got := ask(w, d, repo.GetRecord{Collection: posts, RKey: key}); got.CID != made.Results[0].CID {
		t.Errorf("read %s, wrote %s", got.CID, made.Results[0].CID)
	}

	other := post(t, "other").CID
	for _, c := range []struct {
		name string
		m    repo.ApplyWrites
		want error
	}{
		{"create on an existing key", writes(create(t, key.String(), "again")), repo.ErrRecordExists},
		{"two writes of one path", writes(create(t, "x", "1"), create(t, "x", "2")), repo.ErrDuplicatePath},
		{"delete of what is missing", writes(repo.Write{Action: sequencing.ActionDelete, Collection: posts, RKey: "nope"}), repo.ErrRecordNotFound},
		{"update of what is missing", writes(repo.Write{Action: sequencing.ActionUpdate, Collection: posts, RKey: "nope", Record: post(t, "x")}), repo.ErrRecordNotFound},
		{"stale swapCommit", repo.ApplyWrites{Writes: []repo.Write{create(t, "", "x")}, SwapCommit: other}, repo.ErrInvalidSwap},
		{"stale swapCommit, nothing to write", repo.ApplyWrites{SwapCommit: other}, repo.ErrInvalidSwap},
		{"stale swapRecord", writes(repo.Write{Action: sequencing.ActionUpdate, Collection: posts, RKey: key, Record: post(t, "x"), Swap: repo.Swap{Set: true, CID: other}}), repo.ErrInvalidSwap},
		{"record that must not exist", writes(repo.Write{Action: sequencing.ActionUpdate, Collection: posts, RKey: key, Record: post(t, "x"), Swap: repo.Swap{Set: true}}), repo.ErrInvalidSwap},
		{"bad key", writes(create(t, "a b", "x")), repo.ErrInvalidWrite},
		{"too many", writes(make([]repo.Write, 201)...), repo.ErrTooManyWrites},
	} {
		before, _, _ := w.log.Head(t.Context(), d)
		if err := refusal(w, d, c.m); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if after, _, _ := w.log.Head(t.Context(), d); after.Seq != before.Seq {
			t.Errorf("%s moved the head", c.name)
		}
	}

	// What is done already stays done for a client that asks again, with the swaps of the first time.
	for name, swap := range map[string]repo.Swap{"no swap": {}, "stale swap": {Set: true, CID: other}, "null swap": {Set: true}} {
		for _, commit := range []cid.Cid{cid.Undef, other} {
			same := ask(w, d, repo.ApplyWrites{SwapCommit: commit, Upsert: true, Writes: []repo.Write{
				{Action: sequencing.ActionUpdate, Collection: posts, RKey: key, Record: post(t, "hello"), Swap: swap}}})
			if same.Commit != nil || same.Results[0].CID != made.Results[0].CID {
				t.Errorf("%s: an equal record made a commit: %+v", name, same)
			}
			gone := ask(w, d, repo.ApplyWrites{SwapCommit: commit, MissingOK: true, Writes: []repo.Write{
				{Action: sequencing.ActionDelete, Collection: posts, RKey: "nope", Swap: swap}}})
			if gone.Commit != nil {
				t.Errorf("%s: deleting nothing made a commit: %+v", name, gone)
			}
		}
	}
	ask(w, d, repo.ApplyWrites{Writes: []repo.Write{create(t, "y", "swap")}, SwapCommit: made.Commit.CID})
	ask(w, d, writes(repo.Write{Action: sequencing.ActionDelete, Collection: posts, RKey: key}))
	if err := refusal(w, d, repo.GetRecord{Collection: posts, RKey: key}); !errors.Is(err, repo.ErrRecordNotFound) {
		t.Error(err)
	}
	if page := ask(w, d, repo.ListRecords{Collection: posts, Limit: 10}); len(page) != 1 || page[0].RKey != "y" {
		t.Errorf("listed %+v", page)
	}
	if err := refusal(w, did(99), writes(create(t, "", "x"))); !errors.Is(err, repo.ErrNotFound) {
		t.Error(err)
	}
}

func TestSuppression(t *testing.T) {
	w := open(t, t.TempDir(), 16)
	defer w.close()
	d := w.account(1)
	like := func(n int) repo.ApplyWrites {
		rec, err := dag.FromJSON(fmt.Appendf(nil, `{"$type":"app.bsky.feed.like","n":%d,"subject":{"uri":"at://did:plc:x/app.bsky.feed.post/1","cid":"x"}}`, n), dag.RecordLimits)
		if err != nil {
			t.Fatal(err)
		}
		return repo.ApplyWrites{Writes: []repo.Write{{Action: sequencing.ActionCreate, Collection: "app.bsky.feed.like", Record: rec}}, Suppress: true}
	}
	ask(w, d, like(1))
	ask(w, d, like(2)) // the first is pending only
	ask(w, d, repo.Flush{})
	last := ask(w, d, like(3)) // the second is in the file
	page := ask(w, d, repo.ListRecords{Collection: "app.bsky.feed.like", Limit: 10})
	if len(page) != 1 || page[0].RKey != last.Results[0].RKey {
		t.Fatalf("likes of one post: %+v", page)
	}
}

func TestStatusGates(t *testing.T) {
	w := open(t, t.TempDir(), 16)
	defer w.close()
	d := w.account(1)
	for _, s := range []sequencing.Status{sequencing.StatusDeactivated, sequencing.StatusTakendown} {
		if h := ask(w, d, repo.SetStatus{Status: s}); h.Status != s {
			t.Errorf("status %v after setting %v", h.Status, s)
		}
		var inactive repo.NotActive
		if err := refusal(w, d, writes(create(t, "", "x"))); !errors.As(err, &inactive) || inactive.Status != s {
			t.Errorf("%v: %v", s, err)
		}
	}
	ask(w, d, repo.SetStatus{Status: sequencing.StatusActive})
	ask(w, d, writes(create(t, "", "x")))
}

// An idle actor brings its file up to date, lets go of its tree and goes on.
func TestIdle(t *testing.T) {
	w := open(t, t.TempDir(), 16)
	defer w.close()
	d := w.account(1)
	for i := range 3 {
		for {
			h, _, err := w.log.Head(t.Context(), d)
			if err != nil {
				t.Fatal(err)
			}
			if h.Applied == h.Seq {
				break // flushed by nobody but the idle tick
			}
			time.Sleep(20 * time.Millisecond)
		}
		ask(w, d, writes(create(t, fmt.Sprintf("k%d", i), "text")))
	}
	verifyExport(w, d, headCID(w, d))
}

// A file that was made and never written to, of an account that the log does
// not know, is no obstacle to creating the account.
func TestCreateOverEmptyFile(t *testing.T) {
	w := open(t, t.TempDir(), 16)
	defer w.close()
	dir := keys.ActorDir(filepath.Join(w.dir, "actors"), did(1))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	db, err := repodb.Open(t.Context(), dir, did(1), repodb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	d := w.account(1)
	time.Sleep(60 * time.Millisecond) // idle: the tree is forgotten and read again
	ask(w, d, writes(create(t, "a", "text")))
	verifyExport(w, d, headCID(w, d))
}
