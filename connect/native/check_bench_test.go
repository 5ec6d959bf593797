package native

import (
	"testing"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/connect/format"
	"tidemark/examples/ysb"
)

// adEvents are the columns of ysb.Table.
var adEvents = func() (fields []value.Field) {
	for _, name := range []string{"user_id", "page_id", "ad_id", "ad_type", "event_type", "event_time", "ip_address"} {
		fields = append(fields, value.Field{Name: name, Type: value.StringType})
	}
	return fields
}()

// BenchmarkBody is what a body of ad events costs from its text to its pack, and
// how much of that is the words.
func BenchmarkBody(b *testing.B) {
	const events, bodies = batch.MaxRows, 8
	workload := ysb.New(1)
	var texts [bodies][]byte
	for i := range texts {
		texts[i] = workload.AppendEvents(nil, int64(i*events), int64((i+1)*events))
	}
	perEvent := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/events, "ns/event")
	}
	b.Run("whole", func(b *testing.B) {
		check := newBodyCheck(NewIntake(nil, nil, adEvents))
		for i := 0; b.Loop(); i++ {
			if !check.quick(texts[i%bodies]) || check.count != events {
				b.Fatalf("%d events", check.count)
			}
		}
		perEvent(b)
		b.ReportMetric(float64(len(check.pack))/events, "bytes/event")
	})
	b.Run("pack", func(b *testing.B) {
		decoder := format.NewJSONDecoder(columnsOf(adEvents), format.JSONOptions{Strict: true})
		decoder.CutLines()
		read := decoder.DecodeLines(texts[0], true)
		if read.Rows.Rows != events {
			b.Fatalf("%d events", read.Rows.Rows)
		}
		var p packer
		var pack []byte
		for b.Loop() {
			pack = p.appendSection(pack[:0], read.Rows)
		}
		perEvent(b)
	})
}
