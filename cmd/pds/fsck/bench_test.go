package fsck_test

import (
	"testing"

	"troupe/cmd/pds/fsck"
	"troupe/sequencing"
)

// BenchmarkCheck looks at 26 accounts of 40 commits.
func BenchmarkCheck(b *testing.B) {
	dir := b.TempDir()
	s := start(b, dir)
	for i := range 26 {
		s.join(did(i), sequencing.StatusActive)
		s.write(did(i), 0, 40)
	}
	s.stop()
	var sum fsck.Summary
	for b.Loop() {
		var found []fsck.Finding
		if sum, found, _ = run(b, options(dir)); len(found) > 0 {
			b.Fatal(lines(found))
		}
	}
	per := b.Elapsed().Seconds() / float64(b.N)
	b.ReportMetric(float64(sum.Accounts)/per, "accounts/s")
	b.ReportMetric(float64(sum.Commits)/per, "commits/s")
}
