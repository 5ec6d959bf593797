package batch

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/base/value"
)

// TestReadRows reads rows in key form back in two steps, as views into memory that
// has grown in between, and refuses them when their end is cut off.
func TestReadRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawBatch(t).Compact()
		var heap []byte
		var starts []uint32
		for i := range b.Rows {
			starts = append(starts, uint32(len(heap)))
			heap = AppendKey(heap, b.Columns, i)
		}
		read := func(columns []*Column, heap []byte, from, to int) {
			at := append([]uint32(nil), starts[from:to]...)
			if err := ReadRows(columns, heap, at); err != nil {
				t.Fatal(err)
			}
			for i, end := range at {
				if row := from + i; row+1 < len(starts) && end != starts[row+1] {
					t.Fatalf("row %d ends at %d, not %d", row, end, starts[row+1])
				}
			}
		}
		columns := emptyShapes()
		half := b.Rows / 2
		if half < b.Rows {
			read(columns, append([]byte(nil), heap[:starts[half]]...), 0, half)
		}
		read(columns, heap, half, b.Rows)
		if diff := cmp.Diff(rows(b), rows(&Batch{Rows: b.Rows, Columns: columns}), sameNaN); diff != "" {
			t.Errorf("rows differ (-stored +read):\n%s", diff)
		}
		if b.Rows > 0 {
			last := starts[b.Rows-1]
			cut := rapid.IntRange(int(last), len(heap)-1).Draw(t, "cut")
			if err := ReadRows(emptyShapes(), heap[:cut], []uint32{last}); err == nil {
				t.Errorf("a row of %d bytes was read from %d", len(heap)-int(last), cut-int(last))
			}
		}
	})
}

func emptyShapes() []*Column {
	var columns []*Column
	for _, of := range everyShape {
		columns = append(columns, NewColumn(of, 0))
	}
	return columns
}

func BenchmarkReadRows(b *testing.B) {
	in := &Batch{Rows: MaxRows}
	var types []value.Type
	for i := range 12 {
		t, v := value.BigIntType, value.OfBigInt(int64(i))
		if i%2 == 1 {
			t, v = value.StringType, value.OfString("a text of some length that is stored with a row")
		}
		c := NewColumn(t, MaxRows)
		for range MaxRows {
			c.AppendValue(v)
		}
		types, in.Columns = append(types, t), append(in.Columns, c)
	}
	var heap []byte
	var starts []uint32
	for i := range in.Rows {
		starts = append(starts, uint32(len(heap)))
		heap = AppendKey(heap, in.Columns, i)
	}
	at := make([]uint32, len(starts))
	for b.Loop() {
		var columns []*Column
		for _, t := range types {
			columns = append(columns, NewColumn(t, MaxRows))
		}
		copy(at, starts)
		if err := ReadRows(columns, heap, at); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*MaxRows/b.Elapsed().Seconds()/1e6, "Mrows/s")
}
