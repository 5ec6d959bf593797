package operator

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// TestLentRowsStayUntilTheyComeBack shows rows, some of which come back at once, and
// some after others were shown in the meantime.
func TestLentRowsStayUntilTheyComeBack(t *testing.T) {
	types := []value.Type{value.BigIntType, value.StringType}
	type lent struct {
		rows *batch.Batch
		want []string
	}
	var from lending
	var out []lent
	check := func(l lent) {
		t.Helper()
		var got []string
		l.rows.Each(func(i int) { got = append(got, fmt.Sprint(l.rows.Row(i))) })
		if diff := cmp.Diff(l.want, got); diff != "" {
			t.Fatal(diff)
		}
		l.rows.Lease.Return()
	}
	random := rand.New(rand.NewPCG(7, 7))
	for round := range 200 {
		var want []string
		changes := newRowChangelog(types, batch.NoMark, &from, func(rows *batch.Batch) error {
			out = append(out, lent{rows, want})
			return nil
		})
		for n := range 1 + random.IntN(20) {
			row := &batch.Batch{Columns: columnsOf(types, 1), Rows: 1}
			row.Columns[0].AppendValue(value.OfBigInt(int64(round)))
			if random.IntN(4) == 0 {
				row.Columns[1].AppendNull()
			} else {
				row.Columns[1].AppendValue(value.OfString(fmt.Sprint("row ", round, " ", n)))
			}
			want = append(want, fmt.Sprint(row.Row(0)))
			if err := changes.add(batch.Insert, batch.AppendKey(nil, row.Columns, 0), nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := changes.flush(); err != nil {
			t.Fatal(err)
		}
		for len(out) > random.IntN(4) {
			check(out[0])
			out = out[1:]
		}
	}
}

// TestFirstRowsOfABatch compares with who looks at all rows of a partition.
func TestFirstRowsOfABatch(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for round := range 300 {
		k := &plan.Column{Index: 0, Of: value.BigIntType}
		at := []plan.SortKey{{Expr: &plan.Column{Index: 1, Of: value.BigIntType}, Descending: random.IntN(2) == 0, NullsFirst: random.IntN(2) == 0}}
		if random.IntN(3) == 0 {
			at = append(at, plan.SortKey{Expr: k})
		}
		in := &batch.Batch{Columns: columnsOf([]value.Type{value.BigIntType, value.BigIntType}, 0)}
		nulls := random.IntN(2) == 0
		for in.Rows < 1+random.IntN(60) {
			in.Columns[0].AppendValue(value.OfBigInt(int64(random.IntN(5))))
			if nulls && random.IntN(5) == 0 {
				in.Columns[1].AppendNull()
			} else {
				in.Columns[1].AppendValue(value.OfBigInt(int64(random.IntN(6))))
			}
			in.Rows++
		}
		schema := plan.Schema{{Name: "k", Type: value.BigIntType}, {Name: "at", Type: value.BigIntType}}
		o, err := newOrderedRows(schema, []int{0}, at)
		if err != nil {
			t.Fatal(err)
		}
		o.latestFirst = random.IntN(2) == 0
		codes, keys, err := o.locate(&plan.Context{}, in)
		if err != nil {
			t.Fatal(err)
		}
		best := map[uint32]string{}
		of := map[uint32]uint16{}
		for i, code := range codes {
			order := int64(i)
			if o.latestFirst {
				order = -order
			}
			place := string(binary.BigEndian.AppendUint64(appendOrder(nil, at, keys, i), uint64(order)^1<<63))
			if b, known := best[code]; !known || place < b {
				best[code], of[code] = place, uint16(i)
			}
		}
		want := []uint16{}
		for i, code := range codes {
			if of[code] == uint16(i) {
				want = append(want, uint16(i))
			}
		}
		var f batchFirsts
		for range 2 { // nothing is left of the batch before
			if diff := cmp.Diff(want, f.find(o, codes, keys)); diff != "" {
				t.Fatalf("round %d: %s", round, diff)
			}
		}
	}
}
