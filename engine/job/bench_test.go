package job

import (
	"context"
	"fmt"
	"io"
	"syscall"
	"testing"
	"time"

	"tidemark/base/batch"
	"tidemark/connect"
	"tidemark/engine/state"
	"tidemark/plan"
)

// columnSource serves the same columns again and again, without decoding.
type columnSource struct {
	batches []*batch.Batch
	repeat  int
}

func (s *columnSource) Splits(context.Context) ([]connect.SplitID, error) {
	return []connect.SplitID{"0", "1"}, nil
}
func (s *columnSource) Bounded() bool { return true }
func (s *columnSource) Open(context.Context, connect.SplitID, connect.Offset) (connect.Reader, error) {
	return &columnReader{source: s}, nil
}

type columnReader struct {
	source *columnSource
	at     int
}

func (r *columnReader) Read(context.Context) (*batch.Batch, error) {
	if r.at == r.source.repeat*len(r.source.batches) {
		return nil, io.EOF
	}
	from := r.source.batches[r.at%len(r.source.batches)]
	r.at++
	given := *from
	given.Columns = nil
	for _, c := range from.Columns {
		header := *c
		given.Columns = append(given.Columns, &header)
	}
	return &given, nil
}

func (r *columnReader) Offset() connect.Offset { return fmt.Append(nil, r.at) }
func (r *columnReader) Watermark() int64       { return batch.NoMark }
func (r *columnReader) Close() error           { return nil }

// BenchmarkWindows is a whole job: two splits of columns in memory, windows of
// COUNT and SUM by one of a hundred keys, epochs into a store on disk.
func BenchmarkWindows(b *testing.B) {
	const repeat, batches = 20, 16
	source := &columnSource{repeat: repeat}
	for i := range batches {
		var rows []row
		for k := range batch.MaxRows {
			rows = append(rows, row{fmt.Sprint("a key of some length ", k*7%100), int64(k), int64(i*batch.MaxRows + k)})
		}
		source.batches = append(source.batches, batchOf(rows))
	}
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("%d workers", workers), func(b *testing.B) {
			before := cpuSeconds(b)
			for b.Loop() {
				store, err := state.Open(b.TempDir())
				if err != nil {
					b.Fatal(err)
				}
				s, p := windowPlan(plan.WindowSpec{Kind: plan.Tumble, Size: 10_000}, plan.EmitFinal, plan.LatePolicy{Action: plan.LateRevise, Keep: time.Hour})
				j := runToEnd(b, Spec{Plan: p, Sources: map[*plan.Scan]connect.Source{s: source}, Sink: newTableSink(), Store: store, Context: streaming(), Parallelism: workers, AnyOrder: true})
				if got := j.Status().RowsIn; got != 2*repeat*batches*batch.MaxRows {
					b.Errorf("%d rows read", got)
				}
				if err := store.Close(); err != nil {
					b.Fatal(err)
				}
			}
			rows := float64(b.N) * 2 * repeat * batches * batch.MaxRows
			b.ReportMetric(rows/(cpuSeconds(b)-before)/1e6, "Mrows/cpu-s")
			b.ReportMetric(rows/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}

// cpuSeconds is how much processor time the process has used.
func cpuSeconds(b *testing.B) float64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return float64(used.Utime.Sec+used.Stime.Sec) + float64(used.Utime.Usec+used.Stime.Usec)/1e6
}
