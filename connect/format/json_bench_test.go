package format

import (
	"fmt"
	"testing"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// adEvents makes events as the Yahoo streaming benchmark does, 254 bytes each
// with the line feed.
func adEvents(n int) ([]byte, []batch.View) {
	var block []byte
	var records []batch.View
	kinds := []string{"view", "click", "purchase"}
	for i := range n {
		start := len(block)
		block = fmt.Appendf(block, `{"user_id": "%08x-7c2b-4b1e-9d55-0242ac120002", "page_id": "%08x-1c1c-4e6f-8a3d-0242ac120003", "ad_id": "%08x-5d6e-4f7a-b8c9-0242ac120004", "ad_type": "banner78", "event_type": "%s", "event_time": "%d", "ip_address": "1.2.3.4"}`,
			i*2654435761%1<<32, i*40503%1<<32, i%1000, kinds[i%3], 1700000000000+i)
		records = append(records, batch.View{Offset: uint32(start), Length: uint32(len(block) - start)})
		block = append(block, '\n')
	}
	return block, records
}

var adColumns = []Column{
	{Name: "ad_id", Type: value.StringType},
	{Name: "event_type", Type: value.StringType},
	{Name: "event_time", Type: value.BigIntType},
}

// BenchmarkJSONDecoder reads 3 of 7 fields of ad events.
func BenchmarkJSONDecoder(b *testing.B) {
	block, records := adEvents(batch.MaxRows)
	d := NewJSONDecoder(adColumns, JSONOptions{})
	b.SetBytes(int64(len(block)))
	b.ReportAllocs()
	for b.Loop() {
		rows, rejected := d.Decode(block, records)
		if rows.Rows != len(records) || rejected != nil {
			b.Fatal("rows are missing")
		}
	}
	b.ReportMetric(float64(b.N)*float64(len(records))/b.Elapsed().Seconds()/1e6, "Mevents/s")
}

func TestJSONDecoderReadsAdEvents(t *testing.T) {
	block, records := adEvents(300)
	rows, rejected := NewJSONDecoder(adColumns, JSONOptions{}).Decode(block, records)
	if len(rejected) > 0 || rows.Rows != len(records) {
		t.Fatalf("%d rows, rejected %v", rows.Rows, rejected)
	}
	for i := range rows.Rows {
		if got := rows.Columns[2].Ints[i]; got != int64(1700000000000+i) {
			t.Fatalf("row %d has time %d", i, got)
		}
		if got := string(rows.Columns[0].Bytes(i)); got != fmt.Sprintf("%08x-5d6e-4f7a-b8c9-0242ac120004", i%1000) {
			t.Fatalf("row %d has ad %s", i, got)
		}
	}
}
