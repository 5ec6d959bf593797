package olap

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
)

// simpleColumns are columns of all types whose values have no parts.
func simpleColumns() []value.Field {
	var columns []value.Field
	for i, t := range []value.Type{
		value.BooleanType, value.TinyIntType, value.SmallIntType, value.IntType, value.BigIntType, value.FloatType, value.DoubleType, value.DateType,
		value.TimeOf(3), value.TimestampOf(3), value.TimestampOf(6), value.TimestampOf(9), value.TimestampLTZOf(3), value.TimestampLTZOf(9),
		value.DecimalOf(4, 2), value.DecimalOf(9, 0), value.DecimalOf(18, 4), value.DecimalOf(38, 10), value.StringType, value.BytesType,
	} {
		columns = append(columns, value.Field{Name: fmt.Sprintf("c%d", i), Type: t})
	}
	return columns
}

// randomValue is a value of a type; extremes are frequent.
func randomValue(r *rand.Rand, t value.Type) value.Value {
	if r.IntN(5) == 0 {
		return value.NullOf(t)
	}
	v := value.Value{Type: t}
	bits := map[value.Kind]int{value.TinyInt: 8, value.SmallInt: 16, value.Int: 32, value.BigInt: 64, value.Decimal: []int{12, 29, 58, 100}[r.IntN(4)]}[t.Kind]
	if t.Kind == value.Decimal {
		bits = map[int]int{4: 13, 9: 29, 18: 59, 38: 63}[t.Precision]
	}
	whole := r.Int64() >> (64 - max(bits, 1))
	if r.IntN(4) == 0 && bits > 0 {
		whole = []int64{-1 << (bits - 1), 1<<(bits-1) - 1, 0, -1}[r.IntN(4)]
	}
	switch t.Kind {
	case value.Boolean:
		v.Bool = r.IntN(2) == 0
	case value.Date:
		v.Int = r.Int64N(40_000) - 20_000
	case value.Time:
		v.Int = r.Int64N(86_400_000)
	case value.Timestamp, value.TimestampLTZ:
		micros := r.Int64N(8e15) - 4e15
		if v.Int = micros; t.Precision > 6 {
			nanos := micros*1000 + r.Int64N(1000)
			v.Wide = value.Int128{Lo: uint64(nanos), Hi: nanos >> 63}
		}
	case value.Float, value.Double:
		v.Float = []float64{0, -1.5, math.Inf(1), r.NormFloat64(), math.MaxFloat32}[r.IntN(5)]
		if t.Kind == value.Float {
			v.Float = float64(float32(v.Float))
		}
	case value.Decimal:
		v.Wide = value.Int128{Lo: uint64(whole), Hi: whole >> 63}
	case value.Varchar:
		v.Text = []string{"", "ü", "a text that is longer than twelve bytes", fmt.Sprint(whole)}[r.IntN(4)]
	case value.Varbinary:
		v.Text = string([]byte{0, 255, byte(r.IntN(256))}[:r.IntN(4)])
	default:
		v.Int = whole
	}
	return v
}

// TestChunksAreAsRowsOneByOne gives the same rows column by column and one by
// one: the tables are equal, whatever is NULL or not selected.
func TestChunksAreAsRowsOneByOne(t *testing.T) {
	s := openStore(t, t.TempDir())
	defer s.Close()
	key := value.Field{Name: "k", Type: value.BigIntType.Required()}
	for name, columns := range map[string][]value.Field{"inserts": simpleColumns(), "merges": append([]value.Field{key}, simpleColumns()...)} {
		tables := [2]Table{{Name: name + " in chunks", Columns: columns}, {Name: name + " one by one", Columns: columns}}
		var writers [2]*Writer
		for i := range tables {
			if name == "merges" {
				tables[i].Key = []int{0}
			}
			writers[i] = writer(t, s, tables[i])
		}
		if writers[0].fills == nil {
			t.Fatal("the rows of these types cannot be given in chunks")
		}
		writers[1].fills = nil
		r := rand.New(rand.NewPCG(7, 7))
		rows := 0
		for epoch := uint64(1); epoch <= 3; epoch++ {
			var batches []*batch.Batch
			for range 3 {
				b := randomBatch(r, columns, 1+r.IntN(batch.MaxRows), name == "merges", int64(epoch))
				rows += b.Live()
				batches = append(batches, b)
			}
			for _, w := range writers {
				if err := w.Apply(t.Context(), epoch, 0, batches); err != nil {
					t.Fatal(name, err)
				}
			}
		}
		c, err := s.Compare(t.Context(), tables[0], tables[1])
		if err != nil || c.Differing+c.OnlyFirst+c.OnlySecond != 0 || c.Equal == 0 || name == "inserts" && c.Equal != int64(rows) {
			t.Errorf("%s: %d rows, %+v, %v", name, rows, c, err)
		}
	}
}

// randomBatch makes rows, some of which are not selected; keyed ones begin with a
// number of few, and some numbers are taken away in each epoch.
func randomBatch(r *rand.Rand, columns []value.Field, rows int, keyed bool, epoch int64) *batch.Batch {
	b := &batch.Batch{Rows: rows, Sel: []uint16{}}
	for k, f := range columns {
		c := batch.NewColumn(f.Type, rows)
		for range rows {
			v := randomValue(r, f.Type)
			if keyed && k == 0 {
				v = value.OfBigInt(r.Int64N(3000))
			}
			if v.Null {
				c.AppendNull()
			} else {
				c.AppendValue(v)
			}
		}
		b.Columns = append(b.Columns, c)
	}
	for i := range rows {
		if r.IntN(10) > 0 {
			b.Sel = append(b.Sel, uint16(i))
		}
		if keyed {
			kind := batch.UpdateAfter
			if (b.Columns[0].Ints[i]+epoch)%5 == 0 {
				kind = batch.Delete
			}
			b.Kinds = append(b.Kinds, kind)
		}
	}
	return b
}

// TestFailedChunksLeaveNothing: of an epoch whose rows cannot all be stored.
func TestFailedChunksLeaveNothing(t *testing.T) {
	s := openStore(t, t.TempDir())
	defer s.Close()
	table := Table{Name: "t", Columns: []value.Field{{Name: "at", Type: value.TimestampOf(9)}}}
	w := writer(t, s, table)
	rows := func(n int, last value.Int128) []*batch.Batch {
		c := batch.NewColumn(table.Columns[0].Type, n)
		for range n - 1 {
			c.AppendValue(value.Value{Wide: value.Int128{Lo: 1}})
		}
		c.AppendValue(value.Value{Wide: last})
		return []*batch.Batch{{Rows: n, Columns: []*batch.Column{c}}}
	}
	if err := w.Apply(t.Context(), 1, 0, rows(chunkRows+1, value.Int128{Hi: 1})); !problem.Is(err, problem.InvalidValue) {
		t.Errorf("a time beyond all years: %v", err)
	}
	if err := w.Apply(t.Context(), 1, 0, rows(3, value.Int128{Lo: 5})); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Rows(t.Context(), table); err != nil || n != 3 {
		t.Errorf("%d rows, %v", n, err)
	}
}
