package expr

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// TestSelectionIsFilterThenProjection compares random conditions and expressions,
// which have much in common, with the same ones evaluated for one row at a time.
func TestSelectionIsFilterThenProjection(t *testing.T) {
	a, b := column(0, bigint), column(1, bigint)
	rapid.Check(t, func(t *rapid.T) {
		pool := []plan.Expr{a, b, number(0), number(2)}
		pick := func() plan.Expr { return rapid.SampledFrom(pool).Draw(t, "operand") }
		truths := []plan.Expr{less(a, b)}
		test := func() plan.Expr { return rapid.SampledFrom(truths).Draw(t, "condition") }
		for range rapid.IntRange(2, 10).Draw(t, "expressions") {
			switch rapid.SampledFrom([]string{"+", "/", "<", "=", "AND", "OR", "CASE"}).Draw(t, "kind") {
			case "+":
				pool = append(pool, plus(pick(), pick()))
			case "/":
				pool = append(pool, over(pick(), pick()))
			case "<":
				truths = append(truths, less(pick(), pick()))
			case "=":
				truths = append(truths, equal(pick(), pick()))
			case "AND":
				truths = append(truths, connected("AND", test(), test()))
			case "OR":
				truths = append(truths, connected("OR", test(), test()))
			case "CASE":
				pool = append(pool, &plan.Case{Of: bigint, Whens: []plan.When{{Condition: test(), Then: pick()}, {Condition: test(), Then: pick()}}, Else: pick()})
			}
		}
		condition, exprs := connected("AND", test(), test()), []plan.Expr{pick(), pick(), test()}
		s, err := CompileSelection(condition, exprs)
		if err != nil {
			t.Fatal(err)
		}
		in := randomRows(t)
		want, fails := rowByRow(t, condition, exprs, in)
		for range 2 { // the second time in memory of the first
			sel, columns, err := s.Eval(&plan.Context{}, in)
			if (err != nil) != fails {
				t.Fatalf("error %v, but row by row it is %t that one fails", err, fails)
			}
			if err != nil {
				return
			}
			if sel == nil {
				sel = in.Sel
			}
			var got []string
			for i, row := range sel {
				got = append(got, fmt.Sprint(row, cells(columns, i)))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

func randomRows(t *rapid.T) *batch.Batch {
	in := &batch.Batch{Rows: rapid.IntRange(0, 12).Draw(t, "rows"), Columns: []*batch.Column{ints(), ints()}, Sel: []uint16{}}
	for i := range in.Rows {
		for _, c := range in.Columns {
			if n := rapid.Int64Range(-3, 4).Draw(t, "value"); n == 4 {
				c.AppendNull()
			} else {
				c.AppendValue(value.OfBigInt(n))
			}
		}
		if rapid.IntRange(0, 3).Draw(t, "live") > 0 {
			in.Sel = append(in.Sel, uint16(i))
		}
	}
	return in
}

func cells(columns []*batch.Column, row int) []string {
	var all []string
	for _, c := range columns {
		all = append(all, c.Value(row).String())
	}
	return all
}

// rowByRow evaluates each live row alone and each expression by itself.
func rowByRow(t *rapid.T, condition plan.Expr, exprs []plan.Expr, in *batch.Batch) (rows []string, fails bool) {
	for _, row := range in.Sel {
		one := &batch.Batch{Rows: 1}
		for _, c := range in.Columns {
			one.Columns = append(one.Columns, c.Gather([]uint16{row}))
		}
		f, err := CompileFilter(condition)
		if err != nil {
			t.Fatal(err)
		}
		passed, err := f.Select(&plan.Context{}, one)
		if err != nil {
			return nil, true
		}
		if passed != nil && len(passed) == 0 {
			continue
		}
		var columns []*batch.Column
		for _, e := range exprs {
			p, err := Compile([]plan.Expr{e})
			if err != nil {
				t.Fatal(err)
			}
			column, err := p.Eval(&plan.Context{}, one)
			if err != nil {
				return nil, true
			}
			columns = append(columns, column...)
		}
		rows = append(rows, fmt.Sprint(row, cells(columns, 0)))
	}
	return rows, false
}

// TestSelectionComputesOnce: what a condition has computed for a row, right of OR
// and for some rows only, is not computed again in a branch of the projection, and
// not for the rows that nobody asks about.
func TestSelectionComputesOnce(t *testing.T) {
	var asked []int64
	dear := call("dear", bigint, func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		return eachRow(out, func(i int) error {
			asked = append(asked, args[0].Ints[i])
			out.Ints[i] = 10 * args[0].Ints[i]
			return nil
		})
	}, column(0, bigint))
	small := less(column(0, bigint), number(3))
	s, err := CompileSelection(connected("OR", small, less(dear, number(60))), []plan.Expr{
		&plan.Case{Of: bigint, Whens: []plan.When{{Condition: small, Then: number(0)}}, Else: dear},
	})
	if err != nil {
		t.Fatal(err)
	}
	sel, columns, err := s.Eval(&plan.Context{}, &batch.Batch{Rows: 7, Columns: []*batch.Column{ints(1, 2, 3, 4, 5, 6, 7)}})
	if err != nil {
		t.Fatal(err)
	}
	if got := show(columns[0]); got != "0 0 30 40 50" || !slices.Equal(sel, []uint16{0, 1, 2, 3, 4}) {
		t.Errorf("got %s of rows %v", got, sel)
	}
	if want := []int64{3, 4, 5, 6, 7}; !slices.Equal(asked, want) {
		t.Errorf("computed for %v, want %v", asked, want)
	}
}

// TestVolatileCallsAreNotShared: two places that say RANDOM() get two values.
func TestVolatileCallsAreNotShared(t *testing.T) {
	drawn := int64(0)
	draw := func() plan.Expr {
		e := call("draw", bigint, func(_ *plan.Context, _ []*batch.Column, out *batch.Column) error {
			drawn++
			return eachRow(out, func(i int) error { out.Ints[i] = drawn; return nil })
		}).(*plan.Call)
		e.Function.Volatile = true
		return plus(e, number(0))
	}
	s, err := CompileSelection(less(number(0), draw()), []plan.Expr{draw(), draw()})
	if err != nil {
		t.Fatal(err)
	}
	_, columns, err := s.Eval(&plan.Context{}, &batch.Batch{Rows: 1, Columns: []*batch.Column{ints(1)}})
	if err != nil || show(columns[0]) != "2" || show(columns[1]) != "3" {
		t.Errorf("got %s and %s, %v", show(columns[0]), show(columns[1]), err)
	}
}
