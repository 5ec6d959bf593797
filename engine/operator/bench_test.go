package operator

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/plan"
	"tidemark/plan/function"
)

// The advertising benchmark: count the views of each campaign in windows of ten
// seconds; 1,000 ads with ids of 36 bytes in 100 campaigns, a third of the
// events are views. The events are columns already, as a decoder gives them.
const (
	benchAds       = 1000
	benchCampaigns = 100
	benchBatches   = 64
)

func resolved(name string, args ...plan.Expr) (*plan.Function, *plan.Overload) {
	f, ok := function.Lookup(name)
	if !ok {
		panic("no function " + name)
	}
	arguments := make([]plan.Argument, len(args))
	for i, a := range args {
		arguments[i].Type = a.Type()
	}
	overload, err := f.Resolve(arguments)
	if err != nil {
		panic(err)
	}
	return f, overload
}

func callOf(name string, args ...plan.Expr) plan.Expr {
	f, overload := resolved(name, args...)
	return &plan.Call{Function: f, Overload: overload, Args: args}
}

func aggregateOf(name string, args ...plan.Expr) plan.AggregateCall {
	f, overload := resolved(name, args...)
	return plan.AggregateCall{Function: f, Overload: overload, Args: args}
}

func textOf(s string) plan.Expr { return &plan.Literal{Value: value.OfString(s)} }

var benchTable = &plan.Table{Name: "events", Columns: []plan.TableColumn{
	{Name: "ad_id", Type: value.StringType}, {Name: "event_type", Type: value.StringType}, {Name: "event_time", Type: value.TimestampOf(3)},
}}

func adID(i int) string { return fmt.Sprintf("%08x-1234-4321-abcd-%012x", i*2654435761, i) }

// benchPlan gives the nodes from the scan to the window aggregation.
func benchPlan() (*plan.Watermark, []plan.Node, *plan.WindowAggregate) {
	scan := &plan.Scan{Table: benchTable, Columns: []int{0, 1, 2}}
	stamp := &plan.Column{Index: 2, Of: value.TimestampOf(3)}
	second := &plan.Literal{Value: value.Value{Type: value.Type{Kind: value.IntervalDayTime, NotNull: true}, Int: 1000}}
	marked := &plan.Watermark{Input: scan, Column: 2, Delayed: callOf("-", stamp, second)}
	filter := &plan.Filter{Input: marked, Condition: callOf("=", &plan.Column{Index: 1, Of: value.StringType}, textOf("view"))}
	campaign := &plan.Case{Of: value.StringType}
	for i := range benchAds {
		campaign.Whens = append(campaign.Whens, plan.When{
			Condition: callOf("=", &plan.Column{Index: 0, Of: value.StringType}, textOf(adID(i))),
			Then:      textOf(fmt.Sprintf("campaign-%08d", i%benchCampaigns)),
		})
	}
	project := &plan.Project{Input: filter, Exprs: []plan.Expr{campaign, stamp}, Names: []string{"campaign", "event_time"}, Times: []plan.TimeAttribute{0, plan.Rowtime}}
	return marked, []plan.Node{filter, project}, &plan.WindowAggregate{
		Input: project, Spec: plan.WindowSpec{Kind: plan.Tumble, Time: 1, Size: 10_000}, Keys: []plan.Expr{&plan.Column{Index: 0, Of: value.StringType}},
		Names: []string{"campaign", "views"}, Calls: []plan.AggregateCall{aggregateOf("COUNT")},
		Properties: []plan.WindowProperty{{Kind: plan.WindowEnd, Name: "window_end"}},
	}
}

// benchEvents makes batches in which ms passes every hundred events.
func benchEvents() []*batch.Batch {
	random := rand.New(rand.NewPCG(1, 2))
	types := []string{"view", "click", "purchase"}
	var all []*batch.Batch
	for b := range benchBatches {
		ids, kinds, times := batch.NewColumn(value.StringType, batch.MaxRows), batch.NewColumn(value.StringType, batch.MaxRows), batch.NewColumn(value.TimestampOf(3), batch.MaxRows)
		for i := range batch.MaxRows {
			ids.AppendValue(value.OfString(adID(random.IntN(benchAds))))
			kinds.AppendValue(value.OfString(types[random.IntN(len(types))]))
			times.AppendValue(value.Value{Type: value.TimestampOf(3), Int: int64(b*batch.MaxRows+i) / 100 * 1000})
		}
		all = append(all, &batch.Batch{Columns: []*batch.Column{ids, kinds, times}, Rows: batch.MaxRows})
	}
	return all
}

func BenchmarkAdvertising(b *testing.B) {
	env := Environment{Context: &plan.Context{Streaming: true, Zone: time.UTC}, Worker: engine.WorkerOf(0, 1)}
	events := benchEvents()
	marked, nodes, windows := benchPlan()
	var counted, read int64
	count := func(out *batch.Batch) error {
		for _, n := range out.Columns[1].Ints {
			counted += n
		}
		return nil
	}
	before := cpuSeconds(b)
	for b.Loop() {
		counted, read = 0, 0
		clock := NewClock([]engine.Watermark{batch.NoMark}, batch.NoMark)
		watermark, err := NewWatermark(env, marked)
		if err != nil {
			b.Fatal(err)
		}
		calc, err := NewCalc(env, nodes)
		if err != nil {
			b.Fatal(err)
		}
		prepare, err := NewPrepareWindows(env, windows)
		if err != nil {
			b.Fatal(err)
		}
		aggregate, err := NewWindowAggregate(env, windows, false)
		if err != nil {
			b.Fatal(err)
		}
		into := func(rows *batch.Batch) error { return aggregate.Process(0, rows, count) }
		for _, e := range events {
			rows := *e
			w, err := watermark.Mark(&rows, clock, 0)
			if err != nil {
				b.Fatal(err)
			}
			read += int64(rows.Rows)
			if err := calc.Process(0, &rows, func(rows *batch.Batch) error { return prepare.Process(0, rows, into) }); err != nil {
				b.Fatal(err)
			}
			if err := aggregate.Advance(w, count); err != nil {
				b.Fatal(err)
			}
		}
		if err := aggregate.Advance(batch.Final, count); err != nil {
			b.Fatal(err)
		}
	}
	if third := read / 3; counted < third*9/10 || counted > third*11/10 {
		b.Errorf("counted %d views among %d events", counted, read)
	}
	// Other work on the machine changes the time on the wall, not this.
	b.ReportMetric(float64(b.N)*float64(read)/(cpuSeconds(b)-before)/1e6, "Mrows/cpu-s")
}

// cpuSeconds is how much processor time the process has used.
func cpuSeconds(b *testing.B) float64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return float64(used.Utime.Sec+used.Stime.Sec) + float64(used.Utime.Usec+used.Stime.Usec)/1e6
}
