package crashtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"troupe/cmd/pds/fsck"
)

// crowd is how many accounts a round of [RunLives] makes.
const crowd = 8

// LivesReport is what came of [RunLives].
type LivesReport struct {
	Seed    uint64
	Rounds  int
	Deleted int // accounts that are gone
	Unheard int // of these, whose deletion was not answered before the crash
	Changed int // changes of status that were answered
	Open    int // changes that were not
	Broken  []string
}

// RunLives kills a server while half of a crowd is deleted and the other half is
// deactivated, activated and taken down, again and again. What was answered must
// hold afterwards; what was not has happened, whole, or has not; and between the
// crash and the next start the files are what package fsck demands.
func RunLives(ctx context.Context, o Options) (*LivesReport, error) {
	o.Kind = Kill
	if err := o.fill(); err != nil {
		return nil, err
	}
	l := &lives{Options: o, rand: rand.New(rand.NewPCG(o.Seed, 2)), report: &LivesReport{Seed: o.Seed}}
	if _, err := newFolder(o.Dir); err != nil {
		return nil, err
	}
	var err error
	if l.server, err = newServer(o, filepath.Join(o.Dir, "data")); err != nil {
		return nil, err
	}
	defer l.server.close()
	l.client = newClient(l.server)
	if err := l.up(ctx); err != nil {
		return l.report, err
	}
	for began := time.Now(); time.Since(began) < o.For && len(l.report.Broken) == 0; l.report.Rounds++ {
		if err := l.round(ctx); err != nil {
			return l.report, err
		}
	}
	return l.report, nil
}

// lives is one run, owned by the goroutine of RunLives.
type lives struct {
	Options
	rand   *rand.Rand
	server *server
	client client
	report *LivesReport
}

// life is one account, and what is known of it.
type life struct {
	person
	leaving bool
	gone    bool // its deletion was answered

	acked standing // as the last answer left it
	asked *change  // asked for and not answered; nil: nothing is open
	n     int      // answers
}

// standing is how an account stands.
type standing struct{ takendown, deactivated bool }

// change is what may be asked for.
type change struct {
	name string
	to   func(standing) standing
}

var changes = []change{
	{"deactivate", func(s standing) standing { s.deactivated = true; return s }},
	{"activate", func(s standing) standing { s.deactivated = s.deactivated && s.takendown; return s }},
	{"takedown", func(s standing) standing { s.takendown = true; return s }},
	{"lift", func(s standing) standing { s.takendown = false; return s }},
}

func (l *lives) broken(format string, args ...any) {
	l.report.Broken = append(l.report.Broken, fmt.Sprintf(format, args...))
}

func (l *lives) up(ctx context.Context) error {
	if err := l.server.start(); err != nil {
		return err
	}
	_, err := l.server.ready(ctx)
	return err
}

func (l *lives) round(ctx context.Context) error {
	all := make([]*life, crowd)
	g, signing := errgroup.WithContext(ctx)
	for i := range all {
		g.Go(func() (err error) {
			all[i] = &life{leaving: i%2 == 0}
			all[i].person, err = l.client.signUp(signing, fmt.Sprintf("life%d-%d.test", l.report.Rounds, i))
			if err == nil {
				err = l.client.note(signing, all[i].person)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("sign up: %w", err)
	}
	var living sync.WaitGroup
	for i, a := range all {
		dice := rand.New(rand.NewPCG(l.Seed, uint64(l.report.Rounds*crowd+i)))
		living.Go(func() { a.live(l.client, dice) })
	}
	time.Sleep(time.Duration(l.rand.IntN(600)) * time.Millisecond)
	if err := l.crash(ctx); err != nil {
		return err
	}
	living.Wait()
	for _, a := range all {
		if err := l.judge(ctx, a); err != nil {
			return fmt.Errorf("%s: %w", a.Handle, err)
		}
	}
	return nil
}

// crash kills the server, looks at the files, and brings it up again, one time
// in three over another crash while it starts.
func (l *lives) crash(ctx context.Context) error {
	if err := l.server.kill(); err != nil {
		return err
	}
	data := filepath.Join(l.Dir, "data")
	_, err := fsck.Check(ctx, fsck.Options{
		Data: data, Sequencer: filepath.Join(data, "sequencer.sqlite"), Accounts: filepath.Join(data, "account.sqlite"),
		DIDCache: filepath.Join(data, "did_cache.sqlite"), LexiconCache: filepath.Join(data, "lexicon_cache.sqlite"),
		Actors: filepath.Join(data, "actors"), KEK: filepath.Join(data, "keys", "kek"),
		Found: func(f fsck.Finding) { l.broken("fsck: %s", f) },
	})
	if err != nil {
		return err
	}
	if l.rand.IntN(3) == 0 {
		if err := l.server.start(); err != nil {
			return err
		}
		time.Sleep(time.Duration(20+l.rand.IntN(200)) * time.Millisecond)
		if err := l.server.kill(); err != nil {
			return err
		}
	}
	return l.up(ctx)
}

// live asks for one thing after the other until the server is gone.
func (a *life) live(c client, dice *rand.Rand) {
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	for {
		if a.leaving {
			time.Sleep(time.Duration(dice.IntN(30)) * time.Millisecond)
			a.gone = c.operate(ctx, "com.atproto.admin.deleteAccount", map[string]any{"did": a.DID}) == nil
			return
		}
		next := changes[dice.IntN(len(changes))]
		a.asked = &next
		err := a.ask(ctx, c, next.name)
		if r := (refusal{}); err != nil && (!errors.As(err, &r) || r.Status >= 500) {
			return
		}
		if err == nil {
			a.acked = next.to(a.acked)
			a.n++
		}
		a.asked = nil
	}
}

func (a *life) ask(ctx context.Context, c client, name string) error {
	switch name {
	case "deactivate":
		return c.post(ctx, a.Access, "com.atproto.server.deactivateAccount", map[string]any{}, nil)
	case "activate":
		return c.send(ctx, a.Access, "com.atproto.server.activateAccount")
	}
	return c.operate(ctx, "com.atproto.admin.updateSubjectStatus", map[string]any{
		"subject":  map[string]any{"$type": "com.atproto.admin.defs#repoRef", "did": a.DID},
		"takedown": map[string]any{"applied": name == "takedown"},
	})
}

// judge compares an account with what is known of it.
func (l *lives) judge(ctx context.Context, a *life) error {
	if a.leaving {
		return l.judgeGone(ctx, a)
	}
	var said struct{ Takedown, Deactivated struct{ Applied bool } }
	if err := l.client.inquire(ctx, "com.atproto.admin.getSubjectStatus", url.Values{"did": {a.DID.String()}}, &said); err != nil {
		return err
	}
	got := standing{said.Takedown.Applied, said.Deactivated.Applied}
	legal := []standing{a.acked}
	if a.asked != nil {
		legal = append(legal, a.asked.to(a.acked))
		l.report.Open++
	}
	if got != legal[0] && got != legal[len(legal)-1] {
		l.broken("%s stands as %+v, want one of %+v", a.Handle, got, legal)
	}
	var status struct{ Status string }
	if err := l.client.get(ctx, "com.atproto.sync.getRepoStatus", url.Values{"did": {a.DID.String()}}, &status); err != nil {
		return err
	}
	want := map[standing]string{{true, true}: "takendown", {true, false}: "takendown", {false, true}: "deactivated"}[got]
	if status.Status != want {
		l.broken("%s is told to be %q, and stands as %+v", a.Handle, status.Status, got)
	}
	l.report.Changed += a.n
	return nil
}

func (l *lives) judgeGone(ctx context.Context, a *life) error {
	if !a.gone {
		l.report.Unheard++
		for end := time.Now().Add(answerTime); ; time.Sleep(20 * time.Millisecond) {
			err := l.client.operate(ctx, "com.atproto.admin.deleteAccount", map[string]any{"did": a.DID})
			if err == nil {
				break
			}
			if time.Now().After(end) {
				return err
			}
		}
	}
	l.report.Deleted++
	var r refusal
	if err := l.client.get(ctx, "com.atproto.sync.getRepoStatus", url.Values{"did": {a.DID.String()}}, nil); !errors.As(err, &r) || r.Name != "RepoNotFound" {
		l.broken("%s is deleted, and its status is: %v", a.Handle, err)
	}
	if left, _ := filepath.Glob(filepath.Join(l.Dir, "data", "actors", "??", a.DID.String())); len(left) > 0 {
		l.broken("%s is deleted, and %v is left", a.Handle, left)
	}
	if _, err := l.client.signIn(ctx, a.Handle); !errors.As(err, &r) || r.Status != 401 {
		l.broken("%s is deleted, and signs in: %v", a.Handle, err)
	}
	return nil
}

// Write prints the report.
func (r *LivesReport) Write(w io.Writer) {
	fmt.Fprintf(w, "seed %d: %d kills, %d accounts deleted (%d of them unheard), %d changes of status, %d left open\n",
		r.Seed, r.Rounds, r.Deleted, r.Unheard, r.Changed, r.Open)
	for _, b := range r.Broken {
		fmt.Fprintln(w, "broken:", b)
	}
}
