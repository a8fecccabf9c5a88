package repo_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/storage/dag"
)

func pref(name, rest string) repo.Preference {
	return repo.Preference{Name: name, Value: fmt.Appendf(nil, `{"$type":%q%s}`, name, rest)}
}

func (w *world) putPrefs(d syntax.DID, full bool, all ...repo.Preference) error {
	_, err := mailbox.Ask(context.Background(), w.repos.Of(d.String()), repo.PutPreferences{Namespace: "app.bsky", Full: full, Preferences: all})
	return err
}

func (w *world) prefs(d syntax.DID, ns syntax.NSID, full bool) string {
	w.t.Helper()
	all, err := mailbox.Ask(context.Background(), w.repos.Of(d.String()), repo.GetPreferences{Namespace: ns, Full: full})
	if err != nil {
		w.t.Fatal(err)
	}
	var b strings.Builder
	for _, p := range all {
		fmt.Fprintf(&b, "%s\n", p.Value)
	}
	return b.String()
}

// What was answered is there after a restart, in its order, to whom it is shown.
func TestPreferences(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir, 4)
	d := w.account(1)
	const personal, age = "app.bsky.actor.defs#personalDetailsPref", "app.bsky.actor.defs#declaredAgePref"
	a, b := pref("app.bsky.x", `,"n":1`), pref("app.bsky.actor.defs#y", `,"n":2`)
	born := pref(personal, `,"birthDate":"1980-02-03T04:05:06Z"`)
	old := `{"$type":"` + age + `","isOverAge13":true,"isOverAge16":true,"isOverAge18":true}` + "\n"
	text := func(all ...repo.Preference) (s string) {
		for _, p := range all {
			s += string(p.Value) + "\n"
		}
		return s
	}
	for _, step := range []struct {
		put          []repo.Preference
		full         bool
		err          error
		all, limited string // afterwards
	}{
		{nil, true, nil, "", ""},
		{[]repo.Preference{a, b, a}, false, nil, text(a, b, a), text(a, b, a)},
		{[]repo.Preference{b, born, a}, true, nil, text(b, born, a) + old, text(b, a) + old},
		{[]repo.Preference{a, pref(age, `,"isOverAge13":false`)}, false, nil, text(born, a) + old, text(a) + old},
		{[]repo.Preference{pref("app.bskyx", "")}, true, repo.ErrPreferenceNamespace, text(born, a) + old, text(a) + old},
		{[]repo.Preference{b, pref("", "")}, true, repo.ErrPreferenceNamespace, text(born, a) + old, text(a) + old},
		{[]repo.Preference{b, born}, false, repo.PreferencesForbidden{}, text(born, a) + old, text(a) + old},
		{[]repo.Preference{pref("app.bsky.x", `,"t":"`+strings.Repeat("x", 1<<20)+`"`)}, true, repo.ErrPreferencesTooLarge, text(born, a) + old, text(a) + old},
		{make([]repo.Preference, 10_001), true, repo.ErrPreferenceNamespace, text(born, a) + old, text(a) + old},
		{nil, false, nil, text(born) + old, old},
		{[]repo.Preference{b}, true, nil, text(b), text(b)},
	} {
		err := w.putPrefs(d, step.full, step.put...)
		var forbidden repo.PreferencesForbidden
		switch {
		case step.err == nil && err != nil, step.err != nil && err == nil:
			t.Errorf("put %.200s: %v", step.put, err)
		case errors.As(step.err, &forbidden):
			if !errors.As(err, &forbidden) || len(forbidden.Types) != 1 || forbidden.Types[0] != personal {
				t.Errorf("put %.200s: %v", step.put, err)
			}
		case !errors.Is(err, step.err):
			t.Errorf("put %.200s: %v", step.put, err)
		}
		if all, limited := w.prefs(d, "app.bsky", true), w.prefs(d, "app.bsky", false); all != step.all || limited != step.limited {
			t.Fatalf("after %.200s:\n%s\nlimited\n%s", step.put, all, limited)
		}
		if got := w.prefs(d, "com.atproto", true); got != "" {
			t.Errorf("of another namespace: %s", got)
		}
		w.close()
		w = open(t, dir, 4)
	}
	w.close()
}

// What others are told of a birth date is which ages were reached.
func TestDeclaredAge(t *testing.T) {
	w := open(t, t.TempDir(), 4)
	defer w.close()
	d := w.account(1)
	now := time.Now().UTC()
	for _, c := range []struct {
		birth string
		want  [3]bool
	}{
		{now.AddDate(-13, 0, -1).Format(time.RFC3339), [3]bool{true, false, false}},
		{now.AddDate(-13, 0, 2).Format(time.RFC3339), [3]bool{false, false, false}},
		{now.AddDate(-16, 0, -1).Format(time.RFC3339), [3]bool{true, true, false}},
		{now.AddDate(-18, 0, -1).Format(time.RFC3339), [3]bool{true, true, true}},
		{now.Format(time.RFC3339), [3]bool{}},
		{"some day", [3]bool{}},
	} {
		if err := w.putPrefs(d, true, pref("app.bsky.actor.defs#personalDetailsPref", fmt.Sprintf(`,"birthDate":%q`, c.birth))); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf(`{"$type":"app.bsky.actor.defs#declaredAgePref","isOverAge13":%t,"isOverAge16":%t,"isOverAge18":%t}`, c.want[0], c.want[1], c.want[2])
		if got := w.prefs(d, "app.bsky", false); got != want+"\n" {
			t.Errorf("born %s: %s", c.birth, got)
		}
	}
	if err := w.putPrefs(d, true, pref("app.bsky.actor.defs#personalDetailsPref", `,"birthDate":7`)); err != nil {
		t.Fatal(err)
	}
	if got := w.prefs(d, "app.bsky", false); got != "" {
		t.Errorf("born 7: %s", got)
	}
}

// What was just written is recent at once, before it reaches the file, and only
// if the asker's rev is of this history.
func TestReadRecent(t *testing.T) {
	w := open(t, t.TempDir(), 4)
	defer w.close()
	d := w.account(1)
	write := func(collection, rkey string, n int64) syntax.TID {
		t.Helper()
		rec, err := dag.FromJSON(fmt.Appendf(nil, `{"$type":%q,"n":%d}`, collection, n), dag.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		res, err := mailbox.Ask(context.Background(), w.repos.Of(d.String()), repo.ApplyWrites{Upsert: true, Writes: []repo.Write{
			{Action: "update", Collection: syntax.NSID(collection), RKey: syntax.RecordKey(rkey), Record: rec},
		}})
		if err != nil {
			t.Fatal(err)
		}
		return res.Commit.Rev
	}
	read := func(since syntax.TID) string {
		t.Helper()
		m := repo.ReadRecent{Since: since, Collection: "com.example.post", Limit: 2, Profile: repo.RecordName{Collection: "com.example.profile", RKey: "self"}}
		got, err := mailbox.Ask(context.Background(), w.repos.Of(d.String()), m)
		if err != nil {
			t.Fatal(err)
		}
		if got.Empty() && got.Profile != nil {
			t.Error("a profile, and nothing recent")
		}
		var keys []string
		for _, r := range got.Records {
			keys = append(keys, string(r.RKey))
		}
		return fmt.Sprint(keys, got.Profile != nil, got.Fresh)
	}
	first := write("com.example.post", "a", 1)
	if got := read("2222222222222"); got != "[] false false" {
		t.Errorf("of another history: %s", got)
	}
	profile := write("com.example.profile", "self", 1)
	like := write("com.example.like", "b", 1)
	b := write("com.example.post", "b", 1)
	write("com.example.post", "c", 1)
	last := write("com.example.post", "a", 2)
	for _, c := range []struct {
		since syntax.TID
		want  string
	}{
		{first, "[] false false"}, // the one record that was there has been written again
		{profile, "[c a] true false"},
		{like, "[c a] true false"},
		{b, "[c a] true false"},
		{last, "[] false false"},
		{"zzzzzzzzzzzzz", "[] false false"},
	} {
		if got := read(c.since); got != c.want {
			t.Errorf("since %s: %s, want %s", c.since, got, c.want)
		}
	}
	edited := write("com.example.profile", "self", 2)
	if got := read(last); got != "[] true true" {
		t.Errorf("after the profile was edited: %s", got)
	}
	if got := read(edited); got != "[] false false" {
		t.Errorf("when all has been seen: %s", got)
	}
}
