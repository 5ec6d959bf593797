package format

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/batch"
	"tidemark/base/problem"
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
			i*2654435761%(1<<32), i*40503%(1<<32), i%1000, kinds[i%3], 1700000000000+i)
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

func TestSplitArray(t *testing.T) {
	for document, want := range map[string][]string{
		" [\n {\"a\": 1},\n {\"a\": [2, \"]\"]}\n]": {`{"a": 1}`, `{"a": [2, "]"]}`},
		"[]":       nil,
		"[1] rest": {"1"},
	} {
		whole := batch.View{Length: uint32(len(document))}
		if !IsArray([]byte(document), whole) {
			t.Errorf("%q is no array", document)
		}
		elements, err := SplitArray(nil, []byte(document), whole)
		if err != nil {
			t.Errorf("%q: %v", document, err)
		}
		var got []string
		for _, e := range elements {
			got = append(got, document[e.Offset:e.Offset+e.Length])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", document, diff)
		}
	}
	for _, document := range []string{`[{"a":1},`, `[1 2]`, `{"a":1}`, ""} {
		if _, err := SplitArray(nil, []byte(document), batch.View{Length: uint32(len(document))}); !problem.Is(err, problem.Syntax) {
			t.Errorf("%q: %v", document, err)
		}
	}
}

func TestAppendJSONForAnswers(t *testing.T) {
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		v    value.Value
		want string
	}{
		{value.OfBigInt(1 << 60), `"1152921504606846976"`},
		{value.Value{Type: value.DecimalOf(4, 2), Wide: value.Int128Of(1550)}, `"15.50"`},
		{value.OfInt(7), `7`},
		{value.Value{Type: value.TimestampLTZOf(3), Int: 500_000}, `"1970-01-01T09:00:00.5+09:00"`},
		{value.Value{Type: value.TimestampOf(3), Int: 0}, `"1970-01-01T00:00:00"`},
		{value.OfString("a\"\x01é\xff"), `"a\"\u0001é` + "\ufffd" + `"`},
	} {
		column := batch.NewColumn(c.v.Type, 1)
		column.AppendValue(c.v)
		got, err := AppendJSON(nil, column, 0, JSONStyle{ISO: true, WideAsText: true, Zone: tokyo})
		if err != nil || string(got) != c.want {
			t.Errorf("%s is %s, %v; want %s", c.v, got, err, c.want)
		}
	}
}

func TestNullKeys(t *testing.T) {
	m := value.MapOf(value.StringType, value.IntType)
	column := batch.NewColumn(m, 1)
	column.AppendValue(value.Value{Type: m, Items: []value.Value{value.NullOf(value.StringType), value.OfInt(1), value.OfString("k"), value.OfInt(2)}})
	rows := &batch.Batch{Columns: []*batch.Column{column}, Rows: 1}
	for mode, want := range map[string]string{"DROP": "{\"m\":{\"k\":2}}\n", "LITERAL": "{\"m\":{\"none\":1,\"k\":2}}\n", "FAIL": ""} {
		e, err := newJSONEncoder([]value.Field{{Name: "m", Type: m}}, map[string]string{"json.map-null-key.mode": mode, "json.map-null-key.literal": "none"})
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.AppendRow(nil, rows, 0)
		if mode == "FAIL" {
			if !problem.Is(err, problem.InvalidValue) {
				t.Errorf("FAIL: %v", err)
			}
			continue
		}
		if string(got) != want {
			t.Errorf("%s: %s, want %s", mode, got, want)
		}
	}
}

// Fields that nobody reads are passed over, whatever they hold; the others and
// whether there is an object at all are read as ever.
func TestJSONUnreadFields(t *testing.T) {
	row := value.RowOf(value.Field{Name: "a", Type: value.StringType}, value.Field{Name: "b", Type: value.BigIntType}, value.Field{Name: "c", Type: value.StringType})
	for _, copies := range []bool{false, true} {
		d := NewJSONDecoder([]Column{{Name: "r", Type: row, Unread: []bool{true, false, true}}}, JSONOptions{})
		if copies {
			d.CopyTexts()
		}
		const block = `{"r":{"a":"x\"y","b":12,"c":"z"}}` + "\n" + `{"r":null}` + "\n" + `{"r":{"c":[1,{"b":3}],"b":4,"a":5}}` + "\n"
		records, _ := lineSplitter{}.Split(nil, []byte(block), true)
		rows, rejected := d.Decode([]byte(block), records)
		if len(rejected) > 0 || rows.Rows != 3 {
			t.Fatalf("%d rows, %v", rows.Rows, rejected)
		}
		r := rows.Columns[0]
		if b := r.Children[1]; b.Ints[0] != 12 || b.Ints[2] != 4 || r.IsNull(0) || !r.IsNull(1) {
			t.Errorf("got %v with NULLs %v", b.Ints, r.Nulls)
		}
		if gathered := r.Gather([]uint16{2, 0}); gathered.Children[1].Ints[0] != 4 || gathered.Len() != 2 {
			t.Errorf("gathered %v", gathered.Children[1].Ints)
		}
	}
}

// bidEvents makes lines as the Nexmark benchmark does: a ROW among NULLs.
func bidEvents(n int) []byte {
	var block []byte
	for i := range n {
		block = fmt.Appendf(block, `{"event_type":2,"person":null,"auction":null,"bid":{"auction":%d,"bidder":%d,"price":%d,"channel":"channel-%d","url":"https://www.nexmark.com/abcd/efgh/ijkl/item.htm?query=1&channel_id=%d","dateTime":"2024-03-01 10:20:%02d.%03d","extra":"abcdefghijklm\\\\nopqrstuvwxyz%d"}}`+"\n",
			1000+i%77, 1001+i%991, 100+i*7919%100000, i%10000, i*131071%1000000, i/1000%60, i%1000, i)
	}
	return block
}

var bidColumns = []Column{
	{Name: "event_type", Type: value.IntType},
	{Name: "bid", Type: value.RowOf(
		value.Field{Name: "auction", Type: value.BigIntType}, value.Field{Name: "bidder", Type: value.BigIntType}, value.Field{Name: "price", Type: value.BigIntType},
		value.Field{Name: "channel", Type: value.StringType}, value.Field{Name: "url", Type: value.StringType},
		value.Field{Name: "dateTime", Type: value.TimestampOf(3)}, value.Field{Name: "extra", Type: value.StringType},
	), Unread: []bool{false, false, false, true, true, false, false}},
}

// BenchmarkDecodeLines reads lines as a file's reader does: 3 of the 7 texts of ad
// events, and 5 of the 7 fields of bids.
func BenchmarkDecodeLines(b *testing.B) {
	ads, _ := adEvents(batch.MaxRows)
	adTexts := []Column{adColumns[0], adColumns[1], {Name: "event_time", Type: value.StringType}}
	for _, c := range []struct {
		name    string
		columns []Column
		block   []byte
	}{{"ads", adTexts, ads}, {"bids", bidColumns, bidEvents(batch.MaxRows)}} {
		b.Run(c.name, func(b *testing.B) {
			d := NewJSONDecoder(c.columns, JSONOptions{})
			d.CopyTexts()
			d.CutLines()
			for b.Loop() {
				l := d.DecodeLines(c.block, true)
				if l.Rows.Rows != batch.MaxRows {
					b.Fatal("rows are missing")
				}
				d.Reuse(l.Rows)
			}
			b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/batch.MaxRows, "ns/event")
		})
	}
}
