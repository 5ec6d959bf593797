package operator

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/plan"
)

// keyedChange is a row of the normalization tests: NULL is a value below zero.
type keyedChange struct {
	kind       batch.Kind
	key, value int64
}

func drawChanges(t *rapid.T) []keyedChange {
	var all []keyedChange
	for range rapid.IntRange(0, 60).Draw(t, "changes") {
		all = append(all, keyedChange{batch.Kind(rapid.IntRange(0, 3).Draw(t, "kind")),
			rapid.Int64Range(0, 4).Draw(t, "key"), rapid.Int64Range(-1, 3).Draw(t, "value")})
	}
	return all
}

func changeBatch(changes []keyedChange) *batch.Batch {
	keys, values := batch.NewColumn(value.BigIntType, len(changes)), batch.NewColumn(value.BigIntType, len(changes))
	b := &batch.Batch{Columns: []*batch.Column{values, keys}, Rows: len(changes)}
	for i, c := range changes {
		keys.AppendValue(value.OfBigInt(c.key))
		if c.value < 0 {
			values.AppendNull()
		} else {
			values.AppendValue(value.OfBigInt(c.value))
		}
		b.Kinds, b.Marks = append(b.Kinds, c.kind), append(b.Marks, int64(i))
	}
	return b
}

// TestNormalizedChangesAreComplete applies what comes out, change by change: it
// must never take back a row that is not there or add one for a key that has
// one, and end with the last row of every key.
func TestNormalizedChangesAreComplete(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		changes := drawChanges(t)
		want := map[int64]int64{}
		for _, c := range changes {
			if c.kind.Retracts() {
				delete(want, c.key)
			} else {
				want[c.key] = c.value
			}
		}
		streaming := rapid.Bool().Draw(t, "streaming")
		got := map[int64]int64{}
		emit := func(b *batch.Batch) error {
			b.Each(func(i int) {
				key, v := b.Columns[1].Ints[i], int64(-1)
				if !b.Columns[0].IsNull(i) {
					v = b.Columns[0].Ints[i]
				}
				old, there := got[key]
				switch {
				case b.Kind(i).Retracts() && (!there || old != v), !b.Kind(i).Retracts() && there:
					t.Errorf("%s %d of key %d, which has %d, %t", b.Kind(i), v, key, old, there)
				case b.Kind(i).Retracts():
					delete(got, key)
				default:
					got[key] = v
				}
			})
			return nil
		}
		scan := &plan.Scan{Columns: []int{0, 1}, Table: &plan.Table{Columns: []plan.TableColumn{{Name: "v", Type: value.BigIntType}, {Name: "k", Type: value.BigIntType}}}}
		spills := newRandomSpills(t)
		defer spills.close()
		ttl := drawLongTTL(t)[0]
		var normalize *Normalize
		start := func(state keptState) engine.Operator {
			env := spills.limit(Environment{Context: &plan.Context{Streaming: streaming}, Worker: engine.WorkerOf(0, 1), Saves: true})
			normalize = NewNormalize(env, &plan.Normalize{Input: scan, Keys: []int{1}, TTL: ttl})
			spills.of = nil
			o := spills.add(env, normalize)
			if err := o.Load(state); err != nil {
				t.Fatal(err)
			}
			return o
		}
		state := keptState{}
		o := start(state)
		for rest := changes; len(rest) > 0; {
			n := min(len(rest), rapid.SampledFrom([]int{1, 2, 7, 60}).Draw(t, "batch"))
			if err := o.Process(0, changeBatch(rest[:n]), emit); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
			spills.evictSome(emit)
			if rapid.Bool().Draw(t, "save") {
				if err := o.Save(state); err != nil {
					t.Fatal(err)
				}
				if rapid.Bool().Draw(t, "restart") {
					o = start(state)
				}
			}
		}
		if n := normalize.keys.live(); n != len(want) && spills.spill == nil {
			t.Errorf("%d keys are kept, %d have a row", n, len(want))
		}
		if !streaming && len(got) > 0 {
			t.Error("rows before the end of a batch")
		}
		if err := o.Advance(batch.Final, emit); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// TestNormalizedUpdatesArePairs shows that an update stays one, with the row that
// was there in place of the one it names.
func TestNormalizedUpdatesArePairs(t *testing.T) {
	scan := &plan.Scan{Columns: []int{0, 1}, Table: &plan.Table{Columns: []plan.TableColumn{{Name: "v", Type: value.BigIntType}, {Name: "k", Type: value.BigIntType}}}}
	o := NewNormalize(Environment{Context: &plan.Context{Streaming: true}, Worker: engine.WorkerOf(0, 1)}, &plan.Normalize{Input: scan, Keys: []int{1}})
	var log []string
	err := o.Process(0, changeBatch([]keyedChange{
		{batch.Insert, 1, 10}, {batch.Insert, 1, 10}, {batch.UpdateBefore, 1, 9}, {batch.UpdateAfter, 1, 11},
		{batch.Delete, 2, 5}, {batch.UpdateBefore, 1, 11}, {batch.UpdateAfter, 2, 11}, {batch.Delete, 2, 0},
	}), func(b *batch.Batch) error {
		b.Each(func(i int) {
			log = append(log, fmt.Sprintf("%s %d: %d at %d", b.Kind(i), b.Columns[1].Ints[i], b.Columns[0].Ints[i], b.Mark(i)))
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"+I 1: 10 at 0", "-U 1: 10 at 3", "+U 1: 11 at 3", "-D 1: 11 at 5", "+I 2: 11 at 6", "-D 2: 11 at 7"}
	if diff := cmp.Diff(want, log); diff != "" {
		t.Error(diff)
	}
}
