package saga

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	atid "github.com/bluesky-social/indigo/atproto/identity"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/did-method-plc/go-didplc/didplc"

	"troupe/actors/account"
	"troupe/actors/identity"
	"troupe/actors/identity/plc"
	"troupe/actors/mailbox"
	"troupe/actors/outbound"
	"troupe/actors/repo"
	"troupe/sequencing"
	"troupe/storage/accountdb"
	"troupe/storage/blob"
	"troupe/storage/keys"
	"troupe/storage/repodb"
)

// directory is a PLC directory of did → operations that can be made to fail.
type directory struct {
	mu   sync.Mutex
	ops  map[string][]json.RawMessage
	sent map[string]int // submissions per DID
	mode atomic.Int32

	onPost atomic.Int32 // not answers: the mode of submissions, which ends in silence
}

const (
	answers  int32 = iota
	swallows       // takes the operation, and the answer is lost
	down           // answers nothing
	refuses        // says no
	wavers         // answers nothing the first time, and says no afterwards
)

func (d *directory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	did, suffix, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.Method == http.MethodPost {
		d.post(w, r, did)
		return
	}
	ops := d.ops[did]
	switch {
	case d.mode.Load() == down || d.mode.Load() == swallows:
		w.WriteHeader(http.StatusServiceUnavailable)
	case len(ops) == 0:
		w.WriteHeader(http.StatusNotFound)
	case suffix == "log/last":
		w.Write(ops[len(ops)-1])
	case suffix == "log":
		json.NewEncoder(w).Encode(ops)
	case suffix == "data":
		op, _ := plc.Parse(ops[len(ops)-1])
		r := op.(*didplc.RegularOp)
		json.NewEncoder(w).Encode(plc.Data{
			DID: syntax.DID(did), RotationKeys: r.RotationKeys, VerificationMethods: r.VerificationMethods, AlsoKnownAs: r.AlsoKnownAs, Services: r.Services,
		})
	case suffix == "":
		op, err := plc.Parse(ops[len(ops)-1])
		if err != nil {
			panic(err)
		}
		doc, err := op.Doc(did)
		if err != nil {
			panic(err)
		}
		json.NewEncoder(w).Encode(doc)
	}
}

func (d *directory) post(w http.ResponseWriter, r *http.Request, did string) {
	d.sent[did]++
	body, _ := io.ReadAll(r.Body)
	mode := d.mode.Load()
	if alone := d.onPost.Load(); alone != answers {
		mode = alone
		d.mode.Store(down)
	}
	if mode == wavers {
		mode = refuses
		if d.sent[did] == 1 {
			mode = down
		}
	}
	switch mode {
	case down:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case refuses:
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"message":"no such luck"}`)
		return
	}
	op, err := plc.Parse(body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if ops := d.ops[did]; len(ops) > 0 {
		if last, err := plc.Parse(ops[len(ops)-1]); err != nil || op.PrevCIDStr() != last.CID().String() {
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `{"message":"operations not correctly ordered"}`)
			return
		}
	} else if hash, err := op.DID(); err != nil || hash != did {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	d.ops[did] = append(d.ops[did], body)
	if mode == swallows {
		w.WriteHeader(http.StatusGatewayTimeout)
	}
}

// dids are the DIDs that exist.
func (d *directory) dids() (all []syntax.DID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for did := range d.ops {
		all = append(all, syntax.DID(did))
	}
	return all
}

func (d *directory) submissions() (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, k := range d.sent {
		n += k
	}
	return n
}

// documents are the did:web documents of the network, by host name.
type documents struct {
	mu  sync.Mutex
	all map[string]string
}

func (d *documents) put(host, document string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all == nil {
		d.all = map[string]string{}
	}
	d.all[host] = document
}

func (d *documents) RoundTrip(r *http.Request) (*http.Response, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	rec := httptest.NewRecorder()
	if text, ok := d.all[r.URL.Hostname()]; ok {
		io.WriteString(rec, text)
	} else {
		rec.WriteHeader(http.StatusNotFound)
	}
	return rec.Result(), nil
}

// world is a whole tree over a folder, and a directory outside that survives
// its restarts.
type world struct {
	t       *testing.T
	dir     string
	plc     *directory
	server  *httptest.Server
	rotate  atcrypto.PrivateKey
	hosts   documents
	clock   atomic.Int64 // µs ahead of the real clock
	options func(*Options)

	littered bool // the test leaves what fsck complains of

	// of one process
	log      *sequencing.SQLiteLog
	sys      *mailbox.System
	accounts *mailbox.Handle[*account.Accounts]
	index    *account.Index
	flusher  *repo.Flusher
	repos    *mailbox.Router[*repo.Repo]
	ids      *mailbox.Handle[*identity.Identities]
	sagas    *Handle
	vault    *keys.Vault
	blobs    blob.Store
	shots    *repodb.Snapshots
	web      map[syntax.DID]*atid.DIDDocument // documents of did:web
	cached   sync.Map                         // DIDs that are not forgotten
}

// impatient clients give up soon on a directory that does not answer.
func impatient(o *Options) { o.Patience = 50 * time.Millisecond }

func newWorld(t *testing.T, options func(*Options)) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), plc: &directory{ops: map[string][]json.RawMessage{}, sent: map[string]int{}}, options: options}
	w.server = httptest.NewServer(w.plc)
	t.Cleanup(w.server.Close)
	var err error
	if w.rotate, err = atcrypto.GeneratePrivateKeyK256(); err != nil {
		t.Fatal(err)
	}
	w.web = map[syntax.DID]*atid.DIDDocument{}
	for _, name := range []string{"keys", "actors"} {
		if err := os.Mkdir(filepath.Join(w.dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	w.start()
	t.Cleanup(w.stop)
	return w
}

func (w *world) now() time.Time {
	return time.Now().Add(time.Duration(w.clock.Load()) * time.Microsecond)
}

func (w *world) start() {
	w.t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	var err error
	check := func(e error) {
		w.t.Helper()
		if e != nil {
			w.t.Fatal(e)
		}
	}
	w.vault, _, err = keys.OpenVault(filepath.Join(w.dir, "keys", "kek"), true)
	check(err)
	w.log, err = sequencing.OpenLog(context.Background(), filepath.Join(w.dir, "sequencer.sqlite"), sequencing.LogOptions{Logger: quiet})
	check(err)
	w.sys, w.index = mailbox.NewSystem(quiet), account.NewIndex()
	w.accounts, err = account.Spawn(w.sys, account.Options{
		Path: filepath.Join(w.dir, accountdb.FileName), Log: w.log, Index: w.index, Tick: time.Hour, Logger: quiet,
	})
	check(err)
	directory := plc.NewDirectory(w.server.URL, outbound.NewClient(outbound.Options{AllowPrivate: true, AllowHTTP: true}))
	w.ids, err = mailbox.Spawn(w.sys, "identities", 64, func(self mailbox.Self) *identity.Identities {
		return identity.New(self, identity.Options{
			Path: filepath.Join(w.dir, "did_cache.sqlite"), PLC: directory, Web: &http.Client{Transport: &w.hosts}, Log: quiet, Timeout: time.Second,
		})
	})
	check(err)
	w.flusher = repo.NewFlusher(w.dir, w.log, quiet)
	w.shots = &repodb.Snapshots{}
	clock := sequencing.SystemClock()
	disk, err := blob.OpenDisk(filepath.Join(w.dir, "blobs"))
	check(err)
	w.blobs = disk
	config := repo.Config{
		Root: filepath.Join(w.dir, "actors"), Vault: w.vault, Log: w.log, Append: w.log.Append,
		Clock: clock, Flusher: w.flusher, Snapshots: w.shots, Logger: quiet, HoldLimit: 50 * time.Millisecond,
	}
	w.repos = mailbox.NewRouter(w.sys, mailbox.RouterOptions{Name: "repo", Live: 64, Shards: 4, Log: quiet}, func(key string, self mailbox.Self) *repo.Repo {
		return repo.New(config, syntax.DID(key), self)
	})
	rotation, err := w.rotate.PublicKey()
	check(err)
	o := Options{
		System: w.sys, Accounts: w.accounts.Address(), Index: w.index, Vault: w.vault, Actors: filepath.Join(w.dir, "actors"),
		Passwords: account.NewPasswords(account.PasswordOptions{MemoryKiB: 64, Passes: 1, Waiting: 1000}),
		Tokens:    account.Tokens{Secret: []byte("secret"), ServiceDID: "did:web:pds.test"},
		Handles:   account.HandleRules{Domains: []string{".pds.test"}},
		Directory: directory, Rotation: w.rotate, Endpoint: "https://pds.test",
		Repos: w.repos, Snapshots: w.shots, Log: w.log, Append: w.log.Append, Clock: clock, Blobs: w.blobs,
		Residence: Residence{
			Directory: directory, Rotation: rotation.DIDKey(), Endpoint: "https://pds.test",
			Document: func(_ context.Context, did syntax.DID) (*atid.DIDDocument, error) {
				if doc := w.web[did]; doc != nil {
					return doc, nil
				}
				return nil, identity.ErrNotFound
			},
			SigningKey: func(ctx context.Context, did syntax.DID) (string, error) {
				return mailbox.Ask(ctx, w.repos.Of(did.String()), repo.SigningKey{})
			},
		},
		Forget:   func(_ context.Context, did syntax.DID, _ syntax.Handle) error { w.cached.Delete(did); return nil },
		IDs:      w.ids.Address(),
		Reserved: w.vault.Reserved(filepath.Join(w.dir, "actors"), 100),
		CreateRepo: func(ctx context.Context, did syntax.DID, m repo.Create) (repo.Commit, error) {
			return mailbox.Ask(ctx, w.repos.Of(did.String()), m)
		},
		Retry: 5 * time.Millisecond, Running: 128, Now: w.now, Logger: quiet,
	}
	if w.options != nil {
		w.options(&o)
	}
	w.sagas, err = Spawn(o)
	check(err)
}

// stop ends the process and checks what it leaves.
func (w *world) stop() {
	w.t.Helper()
	if w.sagas == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	errs := []error{w.sagas.Stop(ctx), w.repos.Close(ctx), w.accounts.Stop(ctx), w.ids.Stop(ctx)}
	w.flusher.Close()
	errs = append(errs, w.log.Close())
	if err := errors.Join(errs...); err != nil {
		w.t.Error(err)
	}
	w.sys.Shutdown()
	w.sagas = nil
	w.inspect()
	if !w.littered {
		w.sound()
	}
}

// inspect checks the invariants of account.sqlite.
func (w *world) inspect() {
	w.t.Helper()
	db, err := accountdb.Open(context.Background(), filepath.Join(w.dir, accountdb.FileName), accountdb.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	err = db.Read(context.Background(), func(r *accountdb.Reader) error {
		bad, err := r.Check()
		if len(bad) > 0 {
			w.t.Errorf("broken invariants: %v", bad)
		}
		return err
	})
	if err != nil {
		w.t.Error(err)
	}
}

func (w *world) signUp(m SignUp) (account.Session, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return mailbox.Ask(ctx, w.sagas.Address(), m)
}

func (w *world) unfinished() (all []account.Saga) {
	w.t.Helper()
	for name, k := range kinds {
		if !k.stored {
			continue
		}
		some, err := mailbox.Ask(context.Background(), w.accounts.Address(), account.ListSagas{Kind: string(name)})
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, some...)
	}
	return all
}

// settled waits until no story is left.
func (w *world) settled() {
	w.t.Helper()
	for end := time.Now().Add(20 * time.Second); len(w.unfinished()) > 0; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("still unfinished: %+v", w.unfinished())
		}
	}
}

func person(name string) SignUp {
	return SignUp{Handle: name + ".pds.test", Email: name + "@mail.test", Password: "secret of " + name}
}

// complete checks that an account is all there, exactly once, and that the log
// has no more of it than its creation and what is said to have followed.
func (w *world) complete(did syntax.DID, status sequencing.Status, followed ...string) {
	w.t.Helper()
	a, ok := w.index.ByDID(did)
	if !ok || a.Locked || !a.HasPassword || a.Status != status {
		w.t.Errorf("index has %+v", a)
	}
	head, ok, err := w.log.Head(context.Background(), did)
	if err != nil || !ok || head.Status != status || head.Incarnation != 1 {
		w.t.Errorf("head %+v, %v, %v", head, ok, err)
	}
	kinds := ""
	err = w.log.Replay(context.Background(), did, 0, func(e sequencing.Event) error {
		if e.Visibility == sequencing.Public {
			kinds += e.Kind.String() + " "
		} else {
			kinds += "(" + e.Kind.String() + ") "
		}
		return nil
	})
	want := "identity account commit sync "
	if status != sequencing.StatusActive {
		want = "(commit) "
	}
	want += strings.Join(followed, "")
	if err != nil || kinds != want {
		w.t.Errorf("log has %q, want %q, %v", kinds, want, err)
	}
	if _, err := w.vault.ReadSigningKey(keys.ActorDir(filepath.Join(w.dir, "actors"), did), did); err != nil {
		w.t.Error(err)
	}
}

// absent checks that nothing is left of any sign-up but accounts, and that
// there are n of those.
func (w *world) absent(n int) {
	w.t.Helper()
	if w.index.Len() != n {
		w.t.Errorf("%d accounts, want %d", w.index.Len(), n)
	}
	folders, err := filepath.Glob(filepath.Join(w.dir, "actors", "*", "*"))
	if err != nil || len(folders) != n {
		w.t.Errorf("folders %v, want %d, %v", folders, n, err)
	}
	if heads, err := w.log.Heads(context.Background(), sequencing.HeadCursor{}, 100); err != nil || len(heads) != n {
		w.t.Errorf("%d heads, want %d, %v", len(heads), n, err)
	}
	if left := w.unfinished(); len(left) > 0 {
		w.t.Errorf("unfinished %+v", left)
	}
}
