package crashtest

import (
	"strings"
	"testing"
	"time"

	"troupe/cmd/pds/audit"
)

func TestEveryFindingCountsAgainstTheServer(t *testing.T) {
	for rule, want := range map[audit.Rule]Counts{
		audit.RuleLost:       {Lost: 1},
		audit.RuleDouble:     {Duplicated: 1},
		audit.RulePrevData:   {Forked: 1},
		audit.RuleReuse:      {Reused: 1},
		audit.RuleReplay:     {Reused: 1},
		audit.RuleContent:    {Phantom: 1},
		audit.RuleSignature:  {Other: 1},
		"a rule of tomorrow": {Other: 1},
	} {
		r := Report{Findings: []audit.Finding{{Rule: rule}}}
		if got := r.Counts(); got != want || r.OK() {
			t.Errorf("%s: %+v", rule, got)
		}
	}
	for _, r := range []Report{{Forks: 1}, {Broken: []string{"fsck"}}} {
		if r.OK() {
			t.Errorf("%+v passes", r)
		}
	}
	r := Report{Kind: Kill, Rounds: 3, Recovery: []time.Duration{time.Second, 2 * time.Second, 9 * time.Second}}
	var out strings.Builder
	r.Write(&out)
	if !r.OK() || !strings.Contains(out.String(), "p50 2s, max 9s of 3") {
		t.Errorf("%s", &out)
	}
}
