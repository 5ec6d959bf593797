package operator

import (
	"testing"
	"time"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/engine/state"
	"tidemark/plan"
)

// keyedBatches are rows whose keys come round again and again.
func keyedBatches(rows, keys int) []*batch.Batch {
	var all []*batch.Batch
	for start := 0; start < rows; start += batch.MaxRows {
		b := &batch.Batch{Columns: columnsOf(schemaTypes(eventScan.Schema()), batch.MaxRows), Rows: min(batch.MaxRows, rows-start)}
		for i := range b.Rows {
			n := int64(start + i)
			for c, v := range []int64{n * 7919 % int64(keys), n, n * 1000, n} {
				b.Columns[c].AppendValue(value.Value{Type: eventScan.Schema()[c].Type, Int: v})
			}
		}
		all = append(all, b)
	}
	return all
}

// BenchmarkSpilling groups rows by many keys, with a flush now and then: without
// a limit, with one that is not reached, and with a tenth of what there is.
func BenchmarkSpilling(b *testing.B) {
	const rows, keys = 400_000, 100_000
	batches := keyedBatches(rows, keys)
	for _, limit := range []struct {
		name  string
		bytes int64
	}{{"unlimited", 0}, {"enough", 1 << 30}, {"a tenth", 3 << 20}} {
		b.Run(limit.name, func(b *testing.B) {
			before := cpuSeconds(b)
			for b.Loop() {
				spill := state.NewMemorySpill()
				env := Environment{Context: &plan.Context{Streaming: true, Zone: time.UTC}, Worker: engine.WorkerOf(0, 1), Memory: limit.bytes, Spill: spill}
				op, err := newCounting(env, countingPlan())
				if err != nil {
					b.Fatal(err)
				}
				behind := op.(*overWindows)
				behind.Operator = NewSpilling(env, behind.Operator)
				there := 0
				emit := func(out *batch.Batch) error {
					for i := range out.Rows {
						if out.Kind(i).Retracts() {
							there--
						} else {
							there++
						}
					}
					return nil
				}
				for i, rows := range batches {
					if err := op.Process(0, rows, emit); err != nil {
						b.Fatal(err)
					}
					if i%10 == 9 {
						if err := op.Flush(emit); err != nil {
							b.Fatal(err)
						}
					}
				}
				if err := op.Flush(emit); err != nil {
					b.Fatal(err)
				}
				if there != keys {
					b.Fatalf("%d groups", there)
				}
				if err := spill.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*rows/(cpuSeconds(b)-before)/1e6, "Mrows/cpu-s")
		})
	}
}
