package operator

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/engine/state"
	"tidemark/plan"
)

// spilling makes joins that may hold so many bytes; spilled tells how many of them
// have spilled so far.
func spilling(t testing.TB, node *plan.Join, memory int64, saves bool, appends [2]bool) (construct func(Environment) (engine.Operator, error), spilled func() int) {
	spill := state.NewMemorySpill()
	t.Cleanup(func() {
		if err := spill.Close(); err != nil {
			t.Error(err)
		}
	})
	var made []*Join
	construct = func(env Environment) (engine.Operator, error) {
		env.Memory, env.Spill, env.Saves, env.Appends = memory, spill, saves, appends
		j, err := NewJoin(env, node)
		made = append(made, j)
		return j, err
	}
	return construct, func() int {
		n := 0
		for _, j := range made {
			if j.spill.spilled {
				n++
			}
		}
		return n
	}
}

// TestJoinSpills compares joins of random changelogs that have memory for a few
// rows with the definition, whatever the size of batches, the number of workers,
// and restarts.
func TestJoinSpills(t *testing.T) {
	spilledEver := 0
	rapid.Check(t, func(rt *rapid.T) {
		kind := rapid.SampledFrom(joinKinds).Draw(rt, "kind")
		nullSafe := rapid.Bool().Draw(rt, "null safe")
		node := &plan.Join{Kind: kind, Left: joinScan("l"), Right: joinScan("r"), Keys: []plan.JoinKey{{NullSafe: nullSafe}}, TTL: drawLongTTL(rt)}
		conditional := rapid.Bool().Draw(rt, "conditional")
		if conditional {
			node.Condition = lessNumber()
		}
		streaming := rapid.Bool().Draw(rt, "streaming")
		saves := rapid.Bool().Draw(rt, "saves")
		memory := rapid.SampledFrom([]int64{20 << 10, 24 << 10}).Draw(rt, "memory")
		appends := [2]bool{rapid.Bool().Draw(rt, "left appends"), rapid.Bool().Draw(rt, "right appends")}
		construct, spilled := spilling(t, node, memory, saves, appends)
		r := newJoinRunner(rt, streaming, false, construct)
		r.appends = !streaming
		r.start(rapid.IntRange(1, 3).Draw(rt, "workers"))
		var sides [2]relation
		came := int64(0)
		expected := func() []string {
			return joinOf(kind, sides[0], sides[1], func(l, r joinRow) bool {
				return equalKeys(l, r, nullSafe) && (!conditional || l.v < r.v)
			})
		}
		for range rapid.IntRange(0, 30).Draw(rt, "batches") {
			port := rapid.IntRange(0, 1).Draw(rt, "port")
			var rows []joinRow
			for range rapid.IntRange(1, min(40, joinBatchRows.Draw(rt, "rows"))).Draw(rt, "batch") {
				row := joinRow{v: rapid.Int64Range(0, 3).Draw(rt, "v")}
				// No key has so many rows that they would not fit.
				came++
				if key := (rapid.Int64Range(0, 61).Draw(rt, "key")+came*17)%62 - 1; key >= 0 {
					row.key = &key
				}
				if there := sides[port]; len(there) > 0 && !appends[port] && rapid.IntRange(0, 3).Draw(rt, "delete") == 0 {
					row = there[rapid.IntRange(0, len(there)-1).Draw(rt, "which")]
					row.kind = rapid.SampledFrom([]batch.Kind{batch.Delete, batch.UpdateBefore}).Draw(rt, "how")
				}
				rows = append(rows, row)
				sides[port] = sides[port].apply(row)
			}
			r.process(port, rows)
			if streaming && rapid.Bool().Draw(rt, "flush") {
				r.flush()
				if diff := cmp.Diff(expected(), r.rows()); diff != "" {
					rt.Fatalf("after a batch: %s", diff)
				}
			}
			if saves && rapid.IntRange(0, 5).Draw(rt, "restart") == 0 {
				r.restart(rapid.IntRange(1, 3).Draw(rt, "workers"))
			}
		}
		r.advance(batch.Final)
		if diff := cmp.Diff(expected(), r.rows()); diff != "" {
			rt.Fatalf("at the end: %s", diff)
		}
		spilledEver += spilled()
		if !saves || !streaming {
			return
		}
		r.restart(1)
		if stored := r.state.size(); stored > len(sides[0])+len(sides[1]) {
			rt.Fatalf("%d rows are stored, %d are there", stored, len(sides[0])+len(sides[1]))
		}
	})
	if spilledEver == 0 {
		t.Error("no join has spilled")
	}
}

const (
	spillKeys   = 50_000
	spillMemory = 2 << 20
)

// spillRows is rows of the keys from start to end, of both sides one for each.
func spillRows(start, end int) *batch.Batch {
	b := &batch.Batch{Rows: end - start, Columns: []*batch.Column{
		batch.NewColumn(value.StringType.Required(), end-start), batch.NewColumn(value.BigIntType.Required(), end-start), batch.NewColumn(joinTime, end-start),
	}}
	for i := start; i < end; i++ {
		key := i * 7919 % spillKeys
		b.Columns[0].AppendValue(value.OfString(adID(key)))
		b.Columns[1].AppendValue(value.OfBigInt(int64(key)))
		b.Columns[2].AppendValue(value.Value{Type: joinTime, Int: int64(i) * 1000})
	}
	return b
}

// TestJoinKeepsToItsMemory has more than ten times as much state as memory: the
// answer is right and the memory is kept to within a fifth, in both modes and
// over a restart.
func TestJoinKeepsToItsMemory(t *testing.T) {
	node := &plan.Join{Kind: plan.FullJoin, Left: benchTableOf("l"), Right: benchTableOf("r"), Keys: []plan.JoinKey{{}}}
	for _, streaming := range []bool{true, false} {
		t.Run(fmt.Sprintf("streaming %v", streaming), func(t *testing.T) {
			spill := state.NewMemorySpill()
			defer spill.Close() //nolint:errcheck // it is in memory
			env := Environment{Context: &plan.Context{Streaming: streaming, Zone: time.UTC}, Worker: engine.WorkerOf(0, 1), Memory: spillMemory, Spill: spill, Saves: streaming}
			fresh := func(memory int64) *Join {
				env.Memory = memory
				j, err := NewJoin(env, node)
				if err != nil {
					t.Fatal(err)
				}
				return j
			}
			j := fresh(spillMemory)
			most := int64(0)
			var table [3]int // pairs, left alone, right alone
			count := func(out *batch.Batch) error {
				most = max(most, j.spill.held())
				for i := range out.Rows {
					change, is := 1, 0
					if out.Kind(i).Retracts() {
						change = -1
					}
					switch left, right := out.Columns[1], out.Columns[4]; {
					case right.IsNull(i):
						is = 1
					case left.IsNull(i):
						is = 2
					case left.Ints[i] != right.Ints[i]:
						return fmt.Errorf("%d with %d", left.Ints[i], right.Ints[i])
					}
					table[is] += change
				}
				return nil
			}
			feed := func(j *Join, port, from, to int) {
				for start := from; start < to; start += batch.MaxRows {
					if err := j.Process(port, spillRows(start, min(start+batch.MaxRows, to)), count); err != nil {
						t.Fatal(err)
					}
					most = max(most, j.spill.held())
				}
			}
			const alone = spillKeys / 10
			feed(j, 0, 0, spillKeys-alone)
			stored := storedState{}
			if streaming {
				if err := j.Save(stored); err != nil {
					t.Fatal(err)
				}
				if n := stored.size(); n != spillKeys-alone {
					t.Fatalf("%d rows are saved", n)
				}
				j = fresh(spillMemory)
				if err := j.Load(stored); err != nil {
					t.Fatal(err)
				}
				most = max(most, j.spill.held())
			}
			feed(j, 1, alone, spillKeys)
			if err := j.Advance(batch.Final, count); err != nil {
				t.Fatal(err)
			}
			if want := [3]int{spillKeys - 2*alone, alone, alone}; table != want {
				t.Errorf("pairs, left and right rows alone: %d, want %d", table, want)
			}
			t.Logf("%d bytes were held, of %d", most, spillMemory)
			if most > spillMemory*6/5 {
				t.Errorf("%d bytes were held, of %d", most, spillMemory)
			}
			whole := fresh(1 << 40)
			feed(whole, 0, 0, spillKeys-alone)
			before := most
			feed(whole, 1, alone, spillKeys)
			if held := whole.spill.held(); held < 10*spillMemory || most == before {
				t.Errorf("all state is %d bytes, less than ten times the memory", held)
			}
		})
	}
}

// TestJoinRefusesAKeyBeyondItsMemory: the rows of one key are looked at together.
func TestJoinRefusesAKeyBeyondItsMemory(t *testing.T) {
	node := &plan.Join{Kind: plan.InnerJoin, Left: joinScan("l"), Right: joinScan("r"), Keys: []plan.JoinKey{{}}}
	spill := state.NewMemorySpill()
	defer spill.Close() //nolint:errcheck // it is in memory
	j, err := NewJoin(Environment{Context: &plan.Context{Streaming: true, Zone: time.UTC}, Worker: engine.WorkerOf(0, 1), Memory: 32 << 10, Spill: spill}, node)
	if err != nil {
		t.Fatal(err)
	}
	key := int64(1)
	for v := int64(0); err == nil && v < 1000; v++ {
		err = j.Process(0, joinBatch([]joinRow{{key: &key, v: v}}), func(*batch.Batch) error { return nil })
	}
	if !problem.Is(err, problem.TooLarge) {
		t.Errorf("a key with 1000 rows gave %v", err)
	}
}

// BenchmarkJoinSpilled is BenchmarkJoin with memory for a tenth of the state.
func BenchmarkJoinSpilled(b *testing.B) {
	spill := state.NewSpill(b.TempDir())
	defer spill.Close() //nolint:errcheck // the folder goes anyway
	node := &plan.Join{Kind: plan.InnerJoin, Left: benchTableOf("impressions"), Right: benchTableOf("clicks"), Keys: []plan.JoinKey{{}}}
	benchmarkJoin(b, func(env Environment) (engine.Operator, error) {
		env.Memory, env.Spill = 50<<20, spill
		return NewJoin(env, node)
	}, false)
}
