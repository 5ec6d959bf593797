package operator

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// TestHeldBatchesGather: rows of several batches come out as they came in, whatever
// else there was in the heaps of their texts.
func TestHeldBatchesGather(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		types := []value.Type{value.BigIntType, value.StringType, value.DoubleType}
		var h heldBatches
		type kept struct {
			at   heldPlace
			want []string
		}
		var all []kept
		for range rapid.IntRange(1, 6).Draw(t, "batches") {
			rows := &batch.Batch{Rows: rapid.IntRange(1, 5).Draw(t, "rows"), Columns: columnsOf(types, 0)}
			rows.Columns[1].Heap = append(rows.Columns[1].Heap, strings.Repeat("of others ", rapid.IntRange(0, 20).Draw(t, "others"))...)
			for range rows.Rows {
				for c, typ := range types {
					rows.Columns[c].AppendValue(drawHeldValue(t, typ))
				}
			}
			number := h.add(rows)
			for i := range rows.Rows {
				all = append(all, kept{heldPlace{number, uint32(i)}, textsOf(rows.Columns, i)})
			}
			for range rapid.IntRange(0, 3).Draw(t, "released") {
				if len(all) > 0 {
					i := rapid.IntRange(0, len(all)-1).Draw(t, "release")
					h.release(all[i].at)
					all = append(all[:i], all[i+1:]...)
				}
			}
		}
		asked := rapid.SliceOfN(rapid.IntRange(0, max(len(all)-1, 0)), 0, 2*len(all)).Draw(t, "asked")
		places := make([]heldPlace, len(asked))
		for i, k := range asked {
			places[i] = all[k].at
		}
		columns := h.gather(types, places)
		for i, k := range asked {
			if got := textsOf(columns, i); fmt.Sprint(got) != fmt.Sprint(all[k].want) {
				t.Fatalf("row %d is %q, want %q", i, got, all[k].want)
			}
		}
		for _, k := range all {
			h.release(k.at)
		}
		if len(h.unused) != len(h.list) {
			t.Fatalf("%d of %d batches are kept for nobody", len(h.list)-len(h.unused), len(h.list))
		}
	})
}

func textsOf(columns []*batch.Column, i int) []string {
	texts := make([]string, len(columns))
	for c, column := range columns {
		texts[c] = column.Value(i).String()
	}
	return texts
}
