package operator

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/batch"
	"tidemark/engine"
	"tidemark/plan"
)

// TestLatestVersions: every version goes on, but for older ones, also after a
// restart.
func TestLatestVersions(t *testing.T) {
	scan := joinScan("t")
	order := []plan.SortKey{{Expr: &plan.Column{Index: joinTimeColumn, Of: joinTime}, Descending: true}}
	node := &plan.Rank{Input: &plan.Watermark{Input: scan, Column: joinTimeColumn}, Partition: []int{joinKeyColumn}, Order: order, From: 1, To: 1, WindowEnd: -1}
	if !KeepsLatest(node) {
		t.Fatal("the latest row by event time is not taken for one")
	}
	r := newJoinRunner(t, true, false, func(env Environment) (engine.Operator, error) { return NewLatestVersions(env, node) })
	r.start(2)
	one, two := int64(1), int64(2)
	r.process(0, []joinRow{{key: &one, v: 1, at: 10}, {key: &one, v: 2, at: 20}, {key: &two, v: 3, at: 5}, {key: &one, v: 4, at: 15}, {v: 5, at: 1}})
	r.restart(3)
	r.process(0, []joinRow{{key: &one, v: 6, at: 19}, {key: &one, v: 7, at: 20}, {key: &two, v: 8, at: 6}, {v: 9, at: 0}})
	want := []string{"1 1 @10", "1 2 @20", "1 7 @20", "2 3 @5", "2 8 @6", "NULL 5 @1"}
	if diff := cmp.Diff(want, r.rows()); diff != "" {
		t.Error(diff)
	}
	r.advance(batch.Final)
}
