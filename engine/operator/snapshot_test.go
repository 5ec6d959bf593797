package operator

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/engine"
	"tidemark/plan"
)

// TestSnapshotIsWhatWasGiven demands that an operator gives from its state, key group by
// key group, what it had given and not taken back.
func TestSnapshotIsWhatWasGiven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		retracts := rapid.Bool().Draw(t, "retracts")
		events := drawEvents(t, retracts)
		aggregate := countingPlan()
		global := *aggregate
		global.Keys, global.Names = nil, global.Names[len(global.Keys):]
		rank := &plan.Rank{
			Input: eventScan, Partition: rapid.SampledFrom([][]int{{0}, {}}).Draw(t, "partition"), Order: drawOrder(t), WindowEnd: -1, Name: "n",
			Function: rapid.SampledFrom([]plan.RankFunction{plan.RowNumber, plan.PlainRank, plan.DenseRank}).Draw(t, "function"),
			From:     rapid.Int64Range(1, 2).Draw(t, "from"), To: rapid.Int64Range(2, 5).Draw(t, "to"), Number: rapid.Bool().Draw(t, "number"),
		}
		normalize := &plan.Normalize{Input: eventScan, Keys: []int{0}}
		n := rapid.SampledFrom([]plan.Node{aggregate, &global, rank, normalize}).Draw(t, "operator")
		if because := CannotSnapshot(n, retracts); because != "" {
			t.Fatal(because)
		}
		construct := func(worker engine.Worker) (engine.Operator, engine.Operator) {
			env := Environment{Context: &plan.Context{Streaming: true, Zone: time.UTC}, Worker: worker, Retracts: retracts, Saves: true}
			switch n := n.(type) {
			case *plan.Aggregate:
				op, err := newCounting(env, n)
				check(t, err)
				return op, op.(*overWindows).Operator
			case *plan.Rank:
				op, err := NewRank(env, n)
				check(t, err)
				return op, op
			case *plan.Normalize:
				op := NewNormalize(env, n)
				return op, op
			}
			panic("no such operator")
		}
		op, _ := construct(engine.WorkerOf(0, 1))
		given, kept := map[string]int{}, storedState{}
		for part := range slices.Chunk(events, rapid.SampledFrom([]int{1, 7, 60}).Draw(t, "batch")) {
			check(t, op.Process(0, batchOf(part, 0, 1), countRows(given)))
			if rapid.Bool().Draw(t, "save") {
				check(t, op.Flush(countRows(given)))
				check(t, op.Save(kept))
			}
		}
		check(t, op.Flush(countRows(given)))
		check(t, op.Save(kept))

		snapshot := map[string]int{}
		for group := range engine.KeyGroup(engine.KeyGroups) {
			_, of := construct(engine.Worker{From: group, To: group + 1})
			check(t, of.Load(kept))
			check(t, of.(engine.Snapshotter).Snapshot(func(b *batch.Batch) error {
				b.Each(func(i int) {
					if b.Kind(i) != batch.Insert {
						t.Fatalf("a row is given as %s", b.Kind(i))
					}
				})
				return countRows(snapshot)(b)
			}))
		}
		if fmt.Sprint(given) != fmt.Sprint(snapshot) { // maps are printed in order
			t.Fatalf("it gives %v, and had given %v", snapshot, given)
		}
	})
}

// countRows applies changes to a bag of rows.
func countRows(bag map[string]int) engine.Emit {
	return func(b *batch.Batch) error {
		b.Each(func(i int) {
			text := fmt.Sprint(texts(b.Row(i)))
			if b.Kind(i).Retracts() {
				bag[text]--
			} else {
				bag[text]++
			}
			if bag[text] == 0 {
				delete(bag, text)
			}
		})
		return nil
	}
}

// TestWhatCannotSnapshot names operators that forget what they have given.
func TestWhatCannotSnapshot(t *testing.T) {
	deduplicated := &plan.Rank{Input: timedEvents(), Partition: []int{0}, Order: []plan.SortKey{{Expr: eventColumn(2), NullsFirst: true}}, From: 1, To: 1, WindowEnd: -1}
	expiring := countingPlan()
	expiring.TTL = time.Hour
	for _, n := range []plan.Node{
		deduplicated, expiring, &plan.Normalize{TTL: time.Hour}, &plan.Rank{To: 1, From: 1, WindowEnd: -1, TTL: time.Hour}, &plan.Rank{WindowEnd: 3},
		&plan.WindowAggregate{}, &plan.Join{}, &plan.Over{},
	} {
		if CannotSnapshot(n, false) == "" {
			t.Errorf("%T could give all that it has given", n)
		}
	}
	if because := CannotSnapshot(deduplicated, true); because != "" {
		t.Errorf("over an input that takes rows back it keeps all: %s", because)
	}
}
