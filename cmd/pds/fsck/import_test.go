package fsck_test

import (
	"path/filepath"
	"strings"
	"testing"

	"troupe/actors/repo"
	"troupe/cmd/pds/fsck"
	"troupe/storage/car"
	"troupe/storage/mst"
)

// A file may stand anywhere around an import that it has staged; one from before
// the import is at its end, since the log does not hold what was imported.
func TestImports(t *testing.T) {
	dir, before, staged, undone := sample(t), t.TempDir(), t.TempDir(), t.TempDir()
	folder := filepath.Dir(store(dir, alice))
	copyTree(t, folder, before)

	s := start(t, dir)
	ask(s, alice, repo.Flush{})
	begun := ask(s, alice, repo.BeginImport{})
	var nodes []car.Block
	err := mst.Empty().Preorder(func(step mst.Step) error {
		nodes = append(nodes, *step.Node)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	ask(s, alice, repo.StageImport{ID: begun.ID, Nodes: nodes})
	copyTree(t, folder, staged)
	ask(s, alice, repo.FinishImport{ID: begun.ID, Data: mst.Empty().Root(), Nodes: len(nodes)})
	s.write(alice, 0, 3)
	s.follow()
	s.stop()
	copyTree(t, folder, undone)

	for _, c := range []struct {
		name, file string
		behind     int
		rule       fsck.Rule
	}{
		{"as it was left", undone, 0, ""},
		{"staged, and the log has it", staged, 1, ""},
		{"from before the import", before, 0, fsck.RuleGap},
	} {
		removeDB(t, store(dir, alice))
		copyTree(t, c.file, folder)
		sql(t, filepath.Join(dir, "sequencer.sqlite"), `UPDATE head SET applied_seq = 1 WHERE did = ?`, alice.String())
		summary, found, _ := run(t, options(dir))
		switch {
		case c.rule == "" && (len(found) > 0 || summary.Behind != c.behind):
			t.Errorf("%s: %d files behind, found %v", c.name, summary.Behind, found)
		case c.rule != "" && (len(found) != 1 || found[0].Rule != c.rule || !strings.Contains(found[0].Text, "import")):
			t.Errorf("%s: found %v", c.name, found)
		}
	}
}
