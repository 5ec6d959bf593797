package batch

import (
	"encoding/hex"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/base/value"
)

// everyShape is one column type of each physical class, and nested ones.
var everyShape = []value.Type{
	value.BooleanType, value.BigIntType, value.DoubleType, value.DecimalOf(38, 2), value.StringType, value.NullType,
	value.ArrayOf(value.StringType), value.MapOf(value.IntType, value.ArrayOf(value.BigIntType)),
	value.RowOf(value.Field{Name: "a", Type: value.IntType}, value.Field{Name: "b", Type: value.StringType}),
}

// drawValue makes a random value of type t.
func drawValue(t *rapid.T, of value.Type) value.Value {
	if of.Class() == value.NoData || rapid.IntRange(0, 4).Draw(t, "null") == 0 {
		return value.NullOf(of)
	}
	v := value.Value{Type: of}
	switch of.Class() {
	case value.Bools:
		v.Bool = rapid.Bool().Draw(t, "bool")
	case value.Ints:
		v.Int = rapid.OneOf(rapid.Int64Range(-3, 3), rapid.Int64()).Draw(t, "int")
	case value.Floats:
		v.Float = rapid.OneOf(rapid.Float64(), rapid.Just(math.NaN()), rapid.Just(math.Copysign(0, -1))).Draw(t, "float")
	case value.Wides:
		v.Wide = value.Int128{Hi: rapid.Int64().Draw(t, "hi"), Lo: rapid.Uint64().Draw(t, "lo")}
	case value.Strings:
		v.Text = rapid.StringN(0, 200, 400).Draw(t, "text")
	case value.Lists:
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			if of.Kind == value.Map {
				v.Items = append(v.Items, drawValue(t, *of.Key))
			}
			v.Items = append(v.Items, drawValue(t, *of.Elem))
		}
	case value.Structs:
		for _, f := range of.Fields {
			v.Items = append(v.Items, drawValue(t, f.Type))
		}
	case value.NoData:
	}
	return v
}

// drawBatch makes a random batch with columns of every shape.
func drawBatch(t *rapid.T) *Batch {
	b := &Batch{Rows: rapid.IntRange(0, 70).Draw(t, "rows")}
	for _, of := range everyShape {
		c := NewColumn(of, b.Rows)
		for range b.Rows {
			c.AppendValue(drawValue(t, of))
		}
		b.Columns = append(b.Columns, c)
	}
	if rapid.Bool().Draw(t, "kinds") {
		b.Kinds = make([]Kind, b.Rows)
		for i := range b.Kinds {
			b.Kinds[i] = Kind(rapid.IntRange(0, 3).Draw(t, "kind"))
		}
	}
	if rapid.Bool().Draw(t, "marks") {
		b.Marks = make([]int64, b.Rows)
		for i := range b.Marks {
			b.Marks[i] = rapid.OneOf(rapid.Just(NoMark), rapid.Int64()).Draw(t, "mark")
		}
	}
	if rapid.Bool().Draw(t, "selected") {
		b.Sel = []uint16{}
		for i := range b.Rows {
			if rapid.Bool().Draw(t, "live") {
				b.Sel = append(b.Sel, uint16(i))
			}
		}
	}
	return b
}

// sameNaN lets NaN equal itself.
var sameNaN = cmp.Comparer(func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) })

func rows(b *Batch) [][]value.Value {
	all := [][]value.Value{}
	b.Each(func(i int) { all = append(all, b.Row(i)) })
	return all
}

func TestStoredBatchReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawBatch(t)
		back, err := Decode(Encode([]byte("x"), b)[1:], everyShape)
		if err != nil {
			t.Fatal(err)
		}
		want := b.Compact()
		if diff := cmp.Diff(rows(want), rows(back), sameNaN); diff != "" {
			t.Errorf("rows differ (-stored +read):\n%s", diff)
		}
		if diff := cmp.Diff(want.Kinds, back.Kinds); diff != "" {
			t.Errorf("kinds: %s", diff)
		}
		if diff := cmp.Diff(want.Marks, back.Marks); diff != "" {
			t.Errorf("marks: %s", diff)
		}
	})
}

// TestGoldenBytes holds version 1 of the format: state written by one release
// is read by the next. A change here needs a new version and a reader for both.
func TestGoldenBytes(t *testing.T) {
	b := &Batch{Rows: 3, Kinds: []Kind{Insert, UpdateBefore, UpdateAfter}, Marks: []int64{1000, 1000, 1256}}
	ints, text := NewColumn(value.IntType, 3), NewColumn(value.StringType, 3)
	for _, i := range []int64{7, 5, 9} {
		ints.AppendValue(value.OfBigInt(i))
	}
	text.AppendValue(value.OfString("ab"))
	text.AppendNull()
	text.AppendValue(value.OfString("c"))
	b.Columns = []*Column{ints, text}
	const want = "010303020001" + "02" + "02" + "e803000000000000" + "000000000001" +
		"0200" + "01" + "0500000000000000" + "020004" +
		"050102" + "01" + "0000000000000000" + "020001" + "616263"
	if got := hex.EncodeToString(Encode(nil, b)); got != want {
		t.Errorf("bytes changed:\n got %s\nwant %s", got, want)
	}
}

func FuzzDecode(f *testing.F) {
	b := &Batch{Rows: 1}
	for _, of := range everyShape {
		c := NewColumn(of, 1)
		c.AppendNull()
		b.Columns = append(b.Columns, c)
	}
	f.Add(Encode(nil, b))
	f.Fuzz(func(t *testing.T, data []byte) {
		decoded, err := Decode(data, everyShape)
		if err != nil {
			return
		}
		again, err := Decode(Encode(nil, decoded), everyShape)
		if err != nil {
			t.Fatalf("what was read cannot be stored again: %v", err)
		}
		if diff := cmp.Diff(rows(decoded), rows(again), sameNaN); diff != "" {
			t.Error(diff)
		}
	})
}

func TestKeysAreEqualExactlyWhenRowsAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawBatch(t).Compact()
		var keys Keys
		keys.Encode(nil, b.Columns, b.Rows)
		back := make([]*Column, len(b.Columns))
		for i, c := range b.Columns {
			back[i] = NewColumn(c.Type, b.Rows)
		}
		for i := range keys.Len() {
			rest, err := AppendRow(back, keys.At(i))
			if err != nil || len(rest) > 0 {
				t.Fatalf("row %d: %v, %d bytes left", i, err, len(rest))
			}
		}
		if diff := cmp.Diff(rows(b), rows(&Batch{Columns: back, Rows: b.Rows}), sameNaN); diff != "" {
			t.Errorf("rows read from keys differ:\n%s", diff)
		}
	})
}

func TestKeysOfOneStringColumn(t *testing.T) {
	c := NewColumn(value.StringType, 2)
	c.AppendValue(value.OfString("a"))
	c.AppendValue(value.OfString(string(make([]byte, 300))))
	var fast Keys
	fast.Encode(nil, []*Column{c}, 2)
	for i := range 2 {
		if want := AppendKey(nil, []*Column{c}, i); string(fast.At(i)) != string(want) {
			t.Errorf("key %d differs from its general form", i)
		}
	}
}

// TestHashIsPartOfTheFormat holds values that decide where stored state is.
func TestHashIsPartOfTheFormat(t *testing.T) {
	text := "The tide comes in twice a day, and leaves its mark on the sand."
	for n, want := range map[int]uint64{0: 0xf97eca4602a2d12a, 3: 0xc730158befb0edfa, 7: 0x789e5bd405f307a, 16: 0x85eabc18cfa33eb8, 36: 0xf29545611a2dab5b, 62: 0x53ab273ff950bc96} {
		if got := Hash(1, []byte(text[:n])); got != want {
			t.Errorf("hash of %d bytes is %#x, want %#x", n, got, want)
		}
	}
}

// A column that is stored alone is read back, and every shorter piece of it is
// an error.
func TestColumnAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawBatch(t).Compact()
		for _, c := range b.Columns {
			stored := AppendColumn(nil, c, b.Rows)
			got, err := ReadColumn(stored, c.Type, b.Rows)
			if err != nil {
				t.Fatal(err)
			}
			for i := range b.Rows {
				if want, got := c.Value(i).String(), got.Value(i).String(); got != want {
					t.Fatalf("row %d of %s: %s, want %s", i, c.Type, got, want)
				}
			}
			cut := rapid.IntRange(0, len(stored)-1).Draw(t, "cut")
			if _, err := ReadColumn(stored[:cut], c.Type, b.Rows); err == nil {
				t.Fatalf("%d of %d bytes of %s were read", cut, len(stored), c.Type)
			}
		}
	})
}
