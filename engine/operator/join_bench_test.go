package operator

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/plan"
)

// Impressions and clicks: ids of 36 bytes, a click for every 50th impression, up
// to five minutes later; 1,000,000 impressions are waited for at a time.
const (
	benchLive       = 1_000_000
	benchImpression = 2 * benchLive
	benchClickEvery = 50
	benchPerSecond  = benchLive / 300
)

func benchTableOf(name string) *plan.Scan {
	return &plan.Scan{Columns: []int{0, 1, 2}, Table: &plan.Table{Name: name, Watermark: &plan.WatermarkSpec{Column: 2}, Columns: []plan.TableColumn{
		{Name: "id", Type: value.StringType.Required()}, {Name: "n", Type: value.BigIntType.Required()}, {Name: "at", Type: joinTime},
	}}}
}

// benchFeed is batches in the order of time.
type benchFeed struct {
	port int
	rows *batch.Batch
}

func benchFeeds() []benchFeed {
	random := rand.New(rand.NewPCG(3, 4))
	var parts [2][3]*batch.Column
	var feeds []benchFeed
	reset := func(port int) {
		parts[port] = [3]*batch.Column{batch.NewColumn(value.StringType.Required(), batch.MaxRows), batch.NewColumn(value.BigIntType.Required(), batch.MaxRows), batch.NewColumn(joinTime, batch.MaxRows)}
	}
	flush := func(port int) {
		c := parts[port]
		if n := c[0].Len(); n > 0 {
			feeds = append(feeds, benchFeed{port, &batch.Batch{Rows: n, Columns: c[:]}})
		}
		reset(port)
	}
	reset(0)
	reset(1)
	add := func(port, i int, at int64) {
		c := parts[port]
		c[0].AppendValue(value.OfString(adID(i)))
		c[1].AppendValue(value.OfBigInt(int64(i)))
		c[2].AppendValue(value.Value{Type: joinTime, Int: at * 1000})
	}
	clicks := map[int][]int{} // by the batch of impressions before them
	for i := range benchImpression {
		add(0, i, int64(i)*1000/benchPerSecond)
		if i%benchClickEvery == 0 {
			due := i + random.IntN(benchLive-2*batch.MaxRows)
			clicks[due/batch.MaxRows] = append(clicks[due/batch.MaxRows], i)
		}
		if (i+1)%batch.MaxRows == 0 {
			flush(0)
			for _, id := range clicks[i/batch.MaxRows] {
				add(1, id, int64(i)*1000/benchPerSecond)
			}
			flush(1)
		}
	}
	return feeds
}

func BenchmarkIntervalJoin(b *testing.B) {
	node := &plan.Join{Kind: plan.LeftJoin, Left: benchTableOf("impressions"), Right: benchTableOf("clicks"), Keys: []plan.JoinKey{{}},
		Interval: &plan.JoinInterval{Left: 2, Right: 2, Upper: 300_000}}
	benchmarkJoin(b, func(env Environment) (engine.Operator, error) { return NewIntervalJoin(env, node) }, true)
}

func BenchmarkJoin(b *testing.B) {
	node := &plan.Join{Kind: plan.InnerJoin, Left: benchTableOf("impressions"), Right: benchTableOf("clicks"), Keys: []plan.JoinKey{{}}}
	benchmarkJoin(b, func(env Environment) (engine.Operator, error) { return NewJoin(env, node) }, false)
}

func benchmarkJoin(b *testing.B, construct func(Environment) (engine.Operator, error), outer bool) {
	env := Environment{Context: &plan.Context{Streaming: true, Zone: time.UTC}, Worker: engine.WorkerOf(0, 1)}
	feeds := benchFeeds()
	var clicks, read, pairs, alone int
	for _, f := range feeds {
		read += f.rows.Rows
		clicks += f.port * f.rows.Rows
	}
	impressions := read - clicks
	count := func(out *batch.Batch) error {
		for i := range out.Rows {
			switch {
			case out.Columns[3].IsNull(i):
				alone++
			case out.Columns[1].Ints[i] != out.Columns[4].Ints[i]:
				return fmt.Errorf("impression %d with click %d", out.Columns[1].Ints[i], out.Columns[4].Ints[i])
			default:
				pairs++
			}
		}
		return nil
	}
	// What is measured is the second half: then as much is forgotten as comes.
	measured, seconds := 0, 0.0
	for b.Loop() {
		pairs, alone = 0, 0
		op, err := construct(env)
		if err != nil {
			b.Fatal(err)
		}
		before := 0.0
		for i, f := range feeds {
			if i == len(feeds)/2 {
				before = cpuSeconds(b)
			}
			if i >= len(feeds)/2 {
				measured += f.rows.Rows
			}
			rows := *f.rows
			if err := op.Process(f.port, &rows, count); err != nil {
				b.Fatal(err)
			}
			if f.port == 0 {
				w := rows.Columns[2].Ints[rows.Rows-1]/1000 - 1
				if err := op.Advance(w, count); err != nil {
					b.Fatal(err)
				}
			}
		}
		seconds += cpuSeconds(b) - before
		if err := op.Advance(batch.Final, count); err != nil {
			b.Fatal(err)
		}
	}
	if pairs != clicks || outer && alone != impressions-clicks {
		b.Errorf("%d pairs of %d clicks, %d alone of %d impressions", pairs, clicks, alone, impressions)
	}
	b.ReportMetric(float64(measured)/seconds/1e6, "Mrows/cpu-s")
}
