package batch

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/base/value"
)

var columnTypes = []value.Type{
	value.BooleanType, value.IntType, value.DoubleType, value.DecimalOf(38, 2), value.TimestampOf(9), value.StringType, value.NullType,
	value.ArrayOf(value.StringType), value.MapOf(value.StringType, value.ArrayOf(value.IntType)),
	value.RowOf(value.Field{Name: "a", Type: value.IntType}, value.Field{Name: "b", Type: value.ArrayOf(value.StringType)}),
}

func drawColumnValue(t *rapid.T, typ value.Type) value.Value {
	if typ.Class() == value.NoData || rapid.IntRange(0, 3).Draw(t, "null") == 0 {
		return value.NullOf(typ)
	}
	v := value.Value{Type: typ}
	switch typ.Class() {
	case value.Bools:
		v.Bool = rapid.Bool().Draw(t, "bool")
	case value.Ints:
		v.Int = int64(rapid.Int32().Draw(t, "int"))
	case value.Floats:
		v.Float = rapid.Float64().Draw(t, "float")
	case value.Wides:
		v.Wide = value.Int128Of(rapid.Int64().Draw(t, "wide"))
	case value.Strings:
		v.Text = rapid.StringN(0, 5, 20).Draw(t, "text")
	case value.Lists:
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			if typ.Key != nil {
				v.Items = append(v.Items, drawColumnValue(t, *typ.Key))
			}
			v.Items = append(v.Items, drawColumnValue(t, *typ.Elem))
		}
	case value.Structs:
		for _, f := range typ.Fields {
			v.Items = append(v.Items, drawColumnValue(t, f.Type))
		}
	case value.NoData:
	}
	return v
}

func checkColumn(t *rapid.T, what string, c *Column, want []value.Value) {
	t.Helper()
	if c.Len() != len(want) {
		t.Fatalf("%s: %d rows, want %d", what, c.Len(), len(want))
	}
	for i, w := range want {
		if got := c.Value(i); !value.Equal(got, w) || got.Null != w.Null {
			t.Fatalf("%s: row %d is %s, want %s", what, i, got, w)
		}
	}
}

// TestColumnIsASliceOfValues does the same things to columns and to slices of
// values. Columns gathered from one another live on beside each other, as
// operators keep them, so that a write into shared memory would show.
func TestColumnIsASliceOfValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typ := rapid.SampledFrom(columnTypes).Draw(t, "type")
		type pair struct {
			column *Column
			values []value.Value
		}
		all := []*pair{{column: NewColumn(typ, 0)}}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			p := rapid.SampledFrom(all).Draw(t, "column")
			n := len(p.values)
			row := rapid.IntRange(0, max(n-1, 0)).Draw(t, "row")
			switch rapid.SampledFrom([]string{"append", "append", "append", "null", "set", "copy", "gather", "shrink"}).Draw(t, "step") {
			case "append":
				v := drawColumnValue(t, typ)
				if typ.Class() == value.NoData {
					p.column.AppendNull()
				} else {
					p.column.AppendValue(v)
				}
				p.values = append(p.values, v)
			case "null":
				p.column.AppendNull()
				p.values = append(p.values, value.NullOf(typ))
			case "set":
				if n > 0 {
					v := drawColumnValue(t, typ)
					p.column.SetValue(row, v)
					p.values[row] = v
				}
			case "copy":
				from := rapid.SampledFrom(all).Draw(t, "from")
				if len(from.values) > 0 {
					k := rapid.IntRange(0, len(from.values)-1).Draw(t, "from row")
					p.column.Append(from.column, k)
					p.values = append(p.values, from.values[k])
				}
			case "gather":
				if n > 0 {
					rows := rapid.SliceOfN(rapid.Uint16Range(0, uint16(n-1)), 0, 5).Draw(t, "rows")
					all = append(all, &pair{p.column.Gather(rows), gather(p.values, rows)})
				}
			case "shrink":
				row = min(row, n)
				p.column.Resize(row)
				p.values = append([]value.Value(nil), p.values[:row]...)
			}
		}
		for _, p := range all {
			checkColumn(t, typ.String(), p.column, p.values)
		}
	})
}

func TestBitmapIsASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 200).Draw(t, "size")
		set := func(name string) (Bitmap, map[int]bool) {
			b, m := NewBitmap(size), map[int]bool{}
			for _, i := range rapid.SliceOf(rapid.IntRange(0, size-1)).Draw(t, name) {
				b.Set(i)
				m[i] = true
			}
			for _, i := range rapid.SliceOf(rapid.IntRange(0, size-1)).Draw(t, name+" cleared") {
				b.Clear(i)
				delete(m, i)
			}
			return b, m
		}
		a, inA := set("a")
		b, inB := set("b")
		u, smaller := Union(a, b), append(Bitmap(nil), a...).resized(size/2)
		if a.Count() != len(inA) {
			t.Fatalf("Count is %d, want %d", a.Count(), len(inA))
		}
		for i := range size {
			if a.Get(i) != inA[i] || u.Get(i) != (inA[i] || inB[i]) {
				t.Fatalf("row %d", i)
			}
			if i < size/2 && smaller.Get(i) != inA[i] {
				t.Fatalf("row %d of the smaller set", i)
			}
		}
		if grown := smaller.resized(size); grown.Count() != smaller.Count() {
			t.Fatal("rows came back that had been cut off")
		}
	})
}

func TestCompactKeepsLiveRows(t *testing.T) {
	c := NewColumn(value.StringType, 4)
	for _, s := range []string{"a", "b", "c", "d"} {
		c.AppendValue(value.OfString(s))
	}
	b := &Batch{Columns: []*Column{c}, Rows: 4, Sel: []uint16{1, 3}, Kinds: []Kind{Insert, Delete, Insert, UpdateAfter}, Marks: []int64{1, 2, 3, 4}}
	if b.Live() != 2 {
		t.Errorf("%d live rows", b.Live())
	}
	var seen []int
	b.Each(func(row int) { seen = append(seen, row) })
	if diff := cmp.Diff([]int{1, 3}, seen); diff != "" {
		t.Error(diff)
	}
	d := b.Compact()
	if d.Rows != 2 || d.Sel != nil || d.Kind(0) != Delete || d.Kind(1) != UpdateAfter || d.Mark(1) != 4 {
		t.Errorf("compacted to %+v", d)
	}
	if got := d.Row(1)[0].Text; got != "d" {
		t.Errorf("the last row is %q", got)
	}
	if d.Compact() != d {
		t.Error("a batch without a selection was copied")
	}
}

func TestGatheredColumnsGrowApart(t *testing.T) {
	c := NewColumn(value.StringType, 2)
	c.Heap = make([]byte, 0, 64)
	c.AppendValue(value.OfString("first"))
	g := c.Gather([]uint16{0})
	g.AppendValue(value.OfString("to the one"))
	c.AppendValue(value.OfString("to another"))
	if got := g.Value(1).Text; got != "to the one" {
		t.Errorf("the gathered column has %q", got)
	}
}
