package native

import (
	"fmt"
	"testing"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// BenchmarkWords is what finding the words of a text costs.
func BenchmarkWords(b *testing.B) {
	const rows = batch.MaxRows
	for name, text := range map[string]func(i int) string{
		"100 ids":     func(i int) string { return fmt.Sprintf("%08x-1234-4321-abcd-%012x", i*7919%100, i*7919%100) },
		"1000 ids":    func(i int) string { return fmt.Sprintf("%08x-1234-4321-abcd-%012x", i*7919%1000, i*7919%1000/10) },
		"3 kinds":     func(i int) string { return []string{"view", "click", "purchase"}[i*7919%3] },
		"runs of 10":  func(i int) string { return fmt.Sprint(1700000000000 + i/10) },
		"always same": func(int) string { return "1.2.3.4" },
	} {
		c := batch.NewColumn(value.StringType, rows)
		for i := range rows {
			c.AppendValue(value.OfString(text(i)))
		}
		b.Run(name, func(b *testing.B) {
			var table wordTable
			var to []byte
			for b.Loop() {
				if !table.find(c, rows) {
					b.Fatal("no words")
				}
				to = table.append(to[:0], c, rows)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
			b.ReportMetric(float64(len(to))/rows, "bytes/row")
		})
	}
}
