package operator

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/engine"
	"tidemark/engine/state"
	"tidemark/plan"
)

// multiJoinOf is the definition of a join of several inputs by one key.
func multiJoinOf(inputs []relation) []string {
	type combination struct {
		key   int64
		shown string
	}
	var all []combination
	for _, row := range inputs[0] {
		if row.key != nil {
			all = append(all, combination{*row.key, row.String()})
		}
	}
	for _, input := range inputs[1:] {
		var longer []combination
		for _, c := range all {
			for _, row := range input {
				if row.key != nil && *row.key == c.key {
					longer = append(longer, combination{c.key, c.shown + " | " + row.String()})
				}
			}
		}
		all = longer
	}
	table := map[string]int{}
	for _, c := range all {
		table[c.shown]++
	}
	return sortedRows(table)
}

func multiJoinNode(inputs int) *plan.MultiJoin {
	n := &plan.MultiJoin{}
	for i := range inputs {
		n.All, n.Keys = append(n.All, joinScan(string(rune('a'+i)))), append(n.Keys, []int{joinKeyColumn})
	}
	return n
}

// TestMultiJoin compares joins of random changelogs with the definition, whatever
// the size of batches, the number of workers, restarts, and where state is.
func TestMultiJoin(t *testing.T) {
	spilledEver := 0
	rapid.Check(t, func(t *rapid.T) {
		node := multiJoinNode(rapid.IntRange(3, 4).Draw(t, "inputs"))
		streaming := rapid.Bool().Draw(t, "streaming")
		saves := rapid.Bool().Draw(t, "saves")
		spills := rapid.Bool().Draw(t, "spills")
		appends := make([]bool, len(node.All))
		for i := range appends {
			appends[i] = rapid.Bool().Draw(t, "appends")
		}
		spill := state.NewMemorySpill()
		defer spill.Close() //nolint:errcheck // it is in memory
		var made []*MultiJoin
		r := newJoinRunner(t, streaming, false, func(env Environment) (engine.Operator, error) {
			env.Saves = saves
			if spills {
				env.Memory, env.Spill = 1<<30, spill
			}
			j, err := NewMultiJoin(env, node, appends)
			made = append(made, j)
			return j, err
		})
		r.appends = !streaming
		r.start(rapid.IntRange(1, 3).Draw(t, "workers"))
		inputs := make([]relation, len(node.All))
		for range rapid.IntRange(0, 30).Draw(t, "batches") {
			port := rapid.IntRange(0, len(inputs)-1).Draw(t, "port")
			var rows []joinRow
			for range rapid.IntRange(1, min(12, joinBatchRows.Draw(t, "rows"))).Draw(t, "batch") {
				row := joinRow{key: drawKey(t), v: rapid.Int64Range(0, 3).Draw(t, "v")}
				if there := inputs[port]; len(there) > 0 && !appends[port] && rapid.Bool().Draw(t, "delete") {
					row = there[rapid.IntRange(0, len(there)-1).Draw(t, "which")]
					row.kind = rapid.SampledFrom([]batch.Kind{batch.Delete, batch.UpdateBefore}).Draw(t, "how")
				}
				rows = append(rows, row)
				inputs[port] = inputs[port].apply(row)
			}
			r.process(port, rows)
			if spills && rapid.IntRange(0, 4).Draw(t, "evict") == 0 {
				for _, j := range made[len(made)-len(r.workers):] {
					r.must(j.spill.settle(r.emit))
					r.must(j.spill.evict(j.spill.replaces))
					spilledEver++
				}
			}
			if streaming {
				r.flush()
				if diff := cmp.Diff(multiJoinOf(inputs), r.rows()); diff != "" {
					t.Fatalf("after a batch: %s", diff)
				}
			}
			if saves && rapid.IntRange(0, 5).Draw(t, "restart") == 0 {
				r.restart(rapid.IntRange(1, 3).Draw(t, "workers"))
			}
		}
		r.advance(batch.Final)
		if diff := cmp.Diff(multiJoinOf(inputs), r.rows()); diff != "" {
			t.Fatalf("at the end: %s", diff)
		}
	})
	if spilledEver == 0 {
		t.Error("no join has spilled")
	}
}

// TestMultiJoinOfManyRows has more combinations than a batch has rows, in both
// modes.
func TestMultiJoinOfManyRows(t *testing.T) {
	for _, streaming := range []bool{true, false} {
		node := multiJoinNode(3)
		r := newJoinRunner(t, streaming, false, func(env Environment) (engine.Operator, error) {
			return NewMultiJoin(env, node, []bool{true, false, true})
		})
		r.start(1)
		inputs := make([]relation, 3)
		for port := range inputs {
			for i := range int64(60) {
				key := i % 2
				inputs[port] = append(inputs[port], joinRow{key: &key, v: i / 4})
			}
			r.process(port, inputs[port])
		}
		r.advance(batch.Final)
		if diff := cmp.Diff(multiJoinOf(inputs), r.rows()); diff != "" {
			t.Errorf("streaming %v: %s", streaming, diff)
		}
	}
}

// TestMultiJoinIgnoresUnknownRows: what is taken back unknown changes nothing.
func TestMultiJoinIgnoresUnknownRows(t *testing.T) {
	key := int64(1)
	r := newJoinRunner(t, true, false, func(env Environment) (engine.Operator, error) {
		return NewMultiJoin(env, multiJoinNode(3), make([]bool, 3))
	})
	r.start(1)
	for port := range 3 {
		r.process(port, []joinRow{{key: &key, v: 1}})
	}
	before := r.rows()
	r.process(1, []joinRow{{key: &key, v: 2, kind: batch.Delete}})
	if diff := cmp.Diff(before, r.rows()); diff != "" {
		t.Error(diff)
	}
}
