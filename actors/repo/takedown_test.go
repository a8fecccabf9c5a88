package repo_test

import (
	"errors"
	"testing"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/mailbox"
	"troupe/actors/repo"
	"troupe/sequencing"
)

// A record that is taken down is not read by its name or listed, whatever its
// owner writes over it, and stays in the repository. A new one of the name is new.
func TestRecordTakedown(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir, 8)
	d := w.account(1)
	ask(w, d, writes(create(t, "a", "one"), create(t, "b", "two")))
	put := func(rkey, text string) repo.Write {
		c := create(t, rkey, text)
		c.Action = sequencing.ActionUpdate
		return c
	}
	remove := func(rkey string) repo.Write {
		c := create(t, rkey, "")
		return repo.Write{Action: sequencing.ActionDelete, Collection: c.Collection, RKey: c.RKey}
	}
	collection := create(t, "a", "").Collection
	shown := func(rkey string) bool {
		t.Helper()
		_, err := mailbox.Ask(t.Context(), w.repos.Of(d.String()), repo.GetRecord{Collection: collection, RKey: syntax.RecordKey(rkey)})
		if err != nil && !errors.Is(err, repo.ErrRecordNotFound) {
			t.Fatal(err)
		}
		return err == nil
	}
	ref := func(rkey string) string {
		t.Helper()
		return ask(w, d, repo.InspectRecord{Collection: collection, RKey: syntax.RecordKey(rkey)}).Takedown
	}
	list := func() (keys string) {
		t.Helper()
		for _, r := range ask(w, d, repo.ListRecords{Collection: collection, Limit: 10, Reverse: true}) {
			keys += r.RKey.String()
		}
		return keys
	}
	if err := refusal(w, d, repo.TakedownRecord{Collection: collection, RKey: "none", Ref: "x"}); !errors.Is(err, repo.ErrRecordNotFound) {
		t.Errorf("of a record that is not there: %v", err)
	}
	ask(w, d, repo.TakedownRecord{Collection: collection, RKey: "a", Ref: "case 1"})
	head := ask(w, d, repo.Wake{})
	if shown("a") || !shown("b") || ref("a") != "case 1" || ref("b") != "" || list() != "b" {
		t.Errorf("a %v, b %v, %q, %q, list %q", shown("a"), shown("b"), ref("a"), ref("b"), list())
	}
	proof := ask(w, d, repo.ProveRecord{Collection: collection, RKey: "a"})
	inspected := ask(w, d, repo.InspectRecord{Collection: collection, RKey: "a"})
	if last := proof.Blocks[len(proof.Blocks)-1]; last.CID != inspected.CID {
		t.Error("the record is not in its proof")
	}
	// Its owner writes over it: before and after the file has the new version.
	ask(w, d, writes(put("a", "three")))
	for range 2 {
		if shown("a") || ref("a") != "case 1" {
			t.Errorf("shown %v under %q after an update", shown("a"), ref("a"))
		}
		ask(w, d, repo.Flush{})
	}
	w.close()
	w = open(t, dir, 8)
	if shown("a") || ref("a") != "case 1" || head > ask(w, d, repo.Wake{}) {
		t.Error("a restart lost the takedown")
	}
	// A new record of the name is another one, in one commit, in two, updated or not.
	for name, batches := range map[string][]repo.ApplyWrites{
		"two commits":       {writes(remove("a")), writes(create(t, "a", "four"))},
		"updated thereupon": {writes(remove("a")), writes(create(t, "a", "five")), writes(put("a", "six"))},
	} {
		for _, m := range batches {
			ask(w, d, m)
		}
		ask(w, d, repo.Flush{})
		if !shown("a") || ref("a") != "" {
			t.Errorf("%s: shown %v under %q", name, shown("a"), ref("a"))
		}
		ask(w, d, repo.TakedownRecord{Collection: collection, RKey: "a", Ref: "case 2"})
	}
	ask(w, d, repo.TakedownRecord{Collection: collection, RKey: "a"})
	if !shown("a") || list() != "ab" {
		t.Error("lifted, and not shown")
	}
	w.close()
}
