package rewrite_test

import (
	"testing"

	"tidemark/plan"
	"tidemark/plan/rewrite"
)

// BenchmarkQuery parses, binds and optimizes a windowed aggregate over a view.
func BenchmarkQuery(b *testing.B) {
	catalog := tables{}
	_, err := catalog.plan(`
		CREATE TABLE clicks (campaign STRING, device STRING, cost DECIMAL(8, 2), rt TIMESTAMP(3), WATERMARK FOR rt AS rt) WITH ('connector' = 'kafka');
		CREATE VIEW paid AS SELECT campaign, UPPER(device) AS device, cost, rt FROM clicks WHERE cost > 0`, true)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		n, err := catalog.plan(`
			SELECT campaign, device, window_start, COUNT(*) AS n, SUM(cost) AS spent, SUM(cost) / NULLIF(COUNT(*), 0) AS per_click
			FROM TABLE(TUMBLE(TABLE paid, DESCRIPTOR(rt), INTERVAL '10' SECOND))
			WHERE device IN ('TV', 'PHONE')
			GROUP BY campaign, device, window_start, window_end`, true)
		if err != nil {
			b.Fatal(err)
		}
		optimized, _ := rewrite.Optimize(n)
		if _, ok := optimized.Inputs()[0].(*plan.WindowAggregate); !ok {
			b.Fatalf("no window aggregate in\n%s", plan.Print(optimized))
		}
	}
}
