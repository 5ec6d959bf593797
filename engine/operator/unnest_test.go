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

var unnested = plan.Schema{
	{Name: "number", Type: value.BigIntType},
	{Name: "list", Type: value.ArrayOf(value.BigIntType)},
}

// elementAbove is number < element over the pairs of unnested.
func elementAbove() plan.Expr {
	return callOf("<", &plan.Column{Index: 0, Of: value.BigIntType}, &plan.Column{Index: 2, Of: value.BigIntType})
}

// unnestAll runs batches through an Unnest and prints what comes out.
func unnestAll(t require, n *plan.Unnest, batches []*batch.Batch) []string {
	u, err := NewUnnest(Environment{Context: &plan.Context{Streaming: true}}, n)
	if err != nil {
		t.Fatalf("%v", err)
	}
	var printed []string
	for _, b := range batches {
		err := u.Process(0, b, func(out *batch.Batch) error {
			if out.Rows > batch.MaxRows {
				t.Fatalf("a batch of %d rows", out.Rows)
			}
			for i := range out.Rows {
				line := fmt.Sprintf("%s @%d", out.Kind(i), out.Mark(i))
				for _, c := range []int{0, 2, 3} {
					line += " " + shownValue(out.Columns[c].Value(i))
				}
				length := uint32(0)
				if list := out.Columns[1]; !list.IsNull(i) {
					length = list.Spans[i].Length
				}
				printed = append(printed, fmt.Sprintf("%s of %d", line, length))
			}
			return nil
		})
		if err != nil {
			t.Fatalf("%v", err)
		}
	}
	return printed
}

// TestUnnestProperty compares with elements taken out one by one.
func TestUnnestProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := &plan.Unnest{
			Input: &plan.Values{Columns: unnested}, Collection: &plan.Column{Index: 1, Of: unnested[1].Type},
			Names: []string{"element", "ordinality"}, Ordinality: true, Outer: rapid.Bool().Draw(t, "outer"),
		}
		conditional := rapid.Bool().Draw(t, "conditional")
		if conditional {
			n.Condition = elementAbove()
		}
		var batches []*batch.Batch
		var want []string
		for range rapid.IntRange(1, 3).Draw(t, "batches") {
			rows := rapid.IntRange(0, 8).Draw(t, "rows")
			b := &batch.Batch{Rows: rows, Columns: []*batch.Column{batch.NewColumn(unnested[0].Type, rows), batch.NewColumn(unnested[1].Type, rows)}}
			for i := range rows {
				kind := batch.Kind(rapid.IntRange(0, 3).Draw(t, "kind"))
				live := rapid.Bool().Draw(t, "live")
				b.Kinds, b.Marks = append(b.Kinds, kind), append(b.Marks, int64(i))
				number := rapid.Int64Range(0, 3).Draw(t, "number")
				list := value.NullOf(unnested[1].Type)
				if rapid.Bool().Draw(t, "there") {
					list = value.Value{Type: unnested[1].Type}
					for range rapid.SampledFrom([]int{0, 1, 2, 3}).Draw(t, "length") {
						list.Items = append(list.Items, value.OfBigInt(int64(len(list.Items)%5)))
					}
				}
				b.Columns[0].AppendValue(value.OfBigInt(number))
				b.Columns[1].AppendValue(list)
				if !live {
					continue
				}
				b.Sel = append(b.Sel, uint16(i))
				shown := batch.Insert
				if kind.Retracts() {
					shown = batch.Delete
				}
				want = append(want, unnestedRow(n, fmt.Sprintf("%s @%d %d", shown, i, number), number, list)...)
			}
			if b.Sel == nil {
				b.Sel = []uint16{}
			}
			batches = append(batches, b)
		}
		if diff := cmp.Diff(want, unnestAll(t, n, batches)); diff != "" {
			t.Fatalf("outer %v, conditional %v:\n%s", n.Outer, conditional, diff)
		}
	})
}

// unnestedRow is what one row gives.
func unnestedRow(n *plan.Unnest, row string, number int64, list value.Value) []string {
	var rows []string
	for i, e := range list.Items {
		if n.Condition == nil || number < e.Int {
			rows = append(rows, fmt.Sprintf("%s %d %d of %d", row, e.Int, i+1, len(list.Items)))
		}
	}
	if rows == nil && n.Outer {
		rows = append(rows, fmt.Sprintf("%s NULL NULL of %d", row, len(list.Items)))
	}
	return rows
}

// TestUnnestParts takes maps and rows apart; a NULL among rows is no element.
func TestUnnestParts(t *testing.T) {
	pair := value.RowOf(value.Field{Name: "a", Type: value.BigIntType}, value.Field{Name: "b", Type: value.StringType})
	for _, c := range []struct {
		name string
		of   value.Type
		in   value.Value
		want []string
	}{
		{"rows", value.ArrayOf(pair), value.Value{Items: []value.Value{
			{Type: pair, Items: []value.Value{value.OfBigInt(1), value.OfString("x")}}, value.NullOf(pair),
		}}, []string{"1 'x'"}},
		{"map", value.MapOf(value.StringType, value.BigIntType), value.Value{Items: []value.Value{
			value.OfString("k"), value.OfBigInt(1), value.OfString("l"), value.NullOf(value.BigIntType),
		}}, []string{"'k' 1", "'l' NULL"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.in.Type = c.of
			column := batch.NewColumn(c.of, 1)
			column.AppendValue(c.in)
			n := &plan.Unnest{
				Input:      &plan.Values{Columns: plan.Schema{{Name: "list", Type: c.of}}},
				Collection: &plan.Column{Index: 0, Of: c.of}, Names: []string{"first", "second"},
			}
			u, err := NewUnnest(Environment{Context: &plan.Context{}}, n)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			var emit engine.Emit = func(b *batch.Batch) error {
				for i := range b.Rows {
					row := b.Row(i)
					got = append(got, shownValue(row[1])+" "+shownValue(row[2]))
				}
				return nil
			}
			if err := u.Process(0, &batch.Batch{Rows: 1, Columns: []*batch.Column{column}}, emit); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func shownValue(v value.Value) string {
	if v.Null {
		return "NULL"
	}
	return plan.PrintValue(v)
}

// TestUnnestManyElements takes a list that fills more than one batch.
func TestUnnestManyElements(t *testing.T) {
	n := &plan.Unnest{
		Input: &plan.Values{Columns: unnested}, Collection: &plan.Column{Index: 1, Of: unnested[1].Type},
		Names: []string{"element", "ordinality"}, Ordinality: true, Condition: elementAbove(),
	}
	list := value.Value{Type: unnested[1].Type}
	for i := range 3*batch.MaxRows + 1 {
		list.Items = append(list.Items, value.OfBigInt(int64(i%3)))
	}
	b := &batch.Batch{Rows: 1, Columns: []*batch.Column{batch.NewColumn(unnested[0].Type, 1), batch.NewColumn(unnested[1].Type, 1)}}
	b.Columns[0].AppendValue(value.OfBigInt(0))
	b.Columns[1].AppendValue(list)
	if diff := cmp.Diff(unnestedRow(n, "+I @"+fmt.Sprint(batch.NoMark)+" 0", 0, list), unnestAll(t, n, []*batch.Batch{b})); diff != "" {
		t.Error(diff)
	}
}
