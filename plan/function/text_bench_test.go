package function

import (
	"fmt"
	"testing"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// BenchmarkText measures kernels over a full batch; every result is checked for
// the row whose answer is known.
func BenchmarkText(b *testing.B) {
	urls, documents := make([]string, batch.MaxRows), make([]string, batch.MaxRows)
	for i := range urls {
		urls[i] = fmt.Sprintf("https://shop.example.com/campaign/%d?utm_source=search&utm_term=shoes-%d", i, i%100)
		documents[i] = fmt.Sprintf(`{"id":%d,"user":{"age":%d,"tags":["a","b"]},"bid":%d.50,"ok":true}`, i, i%90, i)
	}
	texts, docs := textColumn(urls...), textColumn(documents...)
	constant := func(text string) value.Value { return value.OfString(text) }
	for _, bench := range []struct {
		name     string
		function string
		column   *batch.Column
		rest     []value.Value
		want     string // of row 7
	}{
		{"upper", "UPPER", texts, nil, "HTTPS://SHOP.EXAMPLE.COM/CAMPAIGN/7?UTM_SOURCE=SEARCH&UTM_TERM=SHOES-7"},
		{"substring", "SUBSTRING", texts, []value.Value{value.OfBigInt(9), value.OfBigInt(4)}, "shop"},
		{"split_index", "SPLIT_INDEX", texts, []value.Value{constant("/"), value.OfBigInt(2)}, "shop.example.com"},
		{"like", "LIKE", texts, []value.Value{constant("%utm_source=search%")}, "TRUE"},
		{"regexp_extract", "REGEXP_EXTRACT", texts, []value.Value{constant("utm_term=([^&]+)"), value.OfBigInt(1)}, "shoes-7"},
		{"regexp_extract_backtracking", "REGEXP_EXTRACT", texts, []value.Value{constant("(?<=utm_term=)[^&]+")}, "shoes-7"},
		{"json_value", "JSON_VALUE", docs, []value.Value{constant("$.user.age")}, "7"},
		{"parse_url", "PARSE_URL", texts, []value.Value{constant("HOST")}, "shop.example.com"},
		{"sha256", "SHA256", texts, nil, ""},
	} {
		b.Run(bench.name, func(b *testing.B) {
			f, _ := Lookup(bench.function)
			args, columns := []plan.Argument{{Type: bench.column.Type}}, []*batch.Column{bench.column}
			for _, v := range bench.rest {
				args = append(args, plan.Argument{Type: v.Type, Literal: &v})
				c := batch.NewColumn(v.Type, batch.MaxRows)
				for range batch.MaxRows {
					c.AppendValue(v)
				}
				columns = append(columns, c)
			}
			overload, err := f.Resolve(args)
			if err != nil {
				b.Fatal(err)
			}
			var out *batch.Column
			b.ReportAllocs()
			for b.Loop() {
				out = batch.NewColumn(overload.Result, batch.MaxRows)
				out.Resize(batch.MaxRows)
				if err := overload.Eval(&plan.Context{}, columns, out); err != nil {
					b.Fatal(err)
				}
			}
			if got := out.Value(7).String(); bench.want != "" && got != bench.want {
				b.Fatalf("row 7 is %q", got)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch.MaxRows), "ns/row")
		})
	}
}
