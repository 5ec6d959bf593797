package sites

import (
	"context"
	"fmt"
	"testing"

	"tidemark/base/batch"
	"tidemark/connect"
)

// endless gives the same columns again and again, each time with later times.
type endless struct {
	fakeSource
	ids []string
}

func (s *endless) Open(context.Context, connect.SplitID, connect.Offset) (connect.Reader, error) {
	return &endlessReader{source: s}, nil
}

type endlessReader struct {
	fakeReader
	source *endless
	given  int64
}

func (r *endlessReader) Read(ctx context.Context) (*batch.Batch, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	events := make([]event, batch.MaxRows)
	for i := range events {
		events[i] = event{id: r.source.ids[i] + fmt.Sprint(r.given), at: r.given / 100} // 100 events a millisecond
	}
	r.given += int64(len(events))
	return rowsOf(columns, events), nil
}

// BenchmarkTake is what a row costs beside its reading: the hash of its id, the
// look-up, and its share of the offset.
func BenchmarkTake(b *testing.B) {
	for _, ids := range []string{"1024", "131072"} {
		b.Run(ids, func(b *testing.B) {
			w := newWorld(b, 1, optIDs, ids)
			s, err := newSource(w.request(), w.kafka())
			if err != nil {
				b.Fatal(err)
			}
			s.mu.total = 1
			r := &reader{source: s, replays: make(chan replay), closed: make(chan struct{})}
			r.restore(place{head: head{Own: own{Newest: noTime, Least: noTime}}}, false)
			r.leg = &leg{source: s}
			from := &endless{ids: make([]string, batch.MaxRows)}
			for i := range from.ids {
				from.ids[i] = fmt.Sprintf("event-%d-", i)
			}
			rows, _ := from.Open(b.Context(), "", nil)
			b.ReportAllocs()
			count := 0
			for b.Loop() {
				b.StopTimer()
				some, err := rows.Read(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				out, err := r.take(piece{leg: r.leg, rows: some, offset: connect.Offset{1}})
				if err != nil || out.Rows != some.Rows {
					b.Fatalf("%d rows of %d, %v", out.Rows, some.Rows, err)
				}
				if r.Offset() == nil {
					b.Fatal("no offset")
				}
				count += out.Rows
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(count), "ns/row")
		})
	}
}
