package job

import (
	"fmt"
	"testing"
	"time"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/connect"
	"tidemark/plan"
)

// TestCosts counts what came to every node of a plan and what left it, with one
// worker and with several: exchanges, preparation and partial sums are inside.
func TestCosts(t *testing.T) {
	const repeat = 8
	var rows []row
	for i := range batch.MaxRows {
		rows = append(rows, row{fmt.Sprint("key ", i%10), int64(i), int64(i)})
	}
	for _, workers := range []int{1, 2} {
		t.Run(fmt.Sprintf("%d workers", workers), func(t *testing.T) {
			source := &columnSource{batches: []*batch.Batch{batchOf(rows)}, repeat: repeat}
			s := scan()
			aggregated := &plan.Aggregate{Input: s, Keys: []plan.Expr{column(0, keyType)}, Names: []string{"k", "n"}, Calls: []plan.AggregateCall{aggregate("COUNT")}}
			began := time.Now()
			j := runToEnd(t, Spec{Plan: aggregated, Sources: map[*plan.Scan]connect.Source{s: source}, Sink: newTableSink(), Parallelism: workers})
			took := time.Since(began)
			read := int64(2 * repeat * batch.MaxRows)
			var in, out [3]int64 // of sink, aggregate, scan
			for _, c := range j.Costs() {
				place := 0
				switch c.Node {
				case plan.Node(aggregated):
					place = 1
					if c.StatePeak <= 0 && c.RowsOut > 0 {
						t.Errorf("worker %d: groups in %d bytes", c.Worker, c.StatePeak)
					}
				case plan.Node(s):
					place = 2
				}
				in[place] += c.RowsIn
				out[place] += c.RowsOut
				if c.Busy < 0 || c.CPU < 0 || c.Busy > 2*took || c.CPU > 2*took || c.InputWait > took || c.OutputWait > 2*took {
					t.Errorf("times beyond the run's %v: %+v", took, c)
				}
			}
			if in != [3]int64{10, read, read} || out != [3]int64{0, 10, read} {
				t.Errorf("rows in %v, out %v, with %d read", in, out, read)
			}
			if got := j.Costs()[0]; got.Node != nil {
				t.Errorf("the sink does not come first: %+v", got)
			}
		})
	}
}

// TestMeterDividesMessage charges two operators within one message: each has its own
// time, also behind a pause, and none of it twice.
func TestMeterDividesMessage(t *testing.T) {
	first, second := &cost{}, &cost{}
	m := &meter{costs: []*cost{first, second}}
	m.begin()
	before := m.enter(first)
	inner := m.enter(second)
	if inner != first || before != &m.own {
		t.Fatal("who was charged before is not given back")
	}
	second.share += 30 * time.Millisecond // as if it had taken so long
	if err := m.pause(func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	if m.working != second {
		t.Error("after a pause somebody else is charged")
	}
	m.enter(inner)
	m.enter(before)
	m.end()
	if second.busy.Load() < int64(30*time.Millisecond) || first.busy.Load() >= int64(30*time.Millisecond) {
		t.Errorf("%v and %v", time.Duration(first.busy.Load()), time.Duration(second.busy.Load()))
	}
	if first.share != 0 || second.share != 0 {
		t.Error("a message is charged twice")
	}
}

// TestSize compares the estimate with what is known of the rows: strings of one length,
// and numbers. Rows of another size are noticed some batches later.
func TestSize(t *testing.T) {
	b := &batch.Batch{Rows: 100}
	texts, numbers := batch.NewColumn(value.StringType, 100), batch.NewColumn(value.BigIntType, 100)
	for i := range 100 {
		texts.AppendValue(value.OfString(fmt.Sprintf("%010d", i)))
		numbers.AppendValue(value.OfBigInt(int64(i)))
	}
	b.Columns = []*batch.Column{texts, numbers}
	var s size
	if got := s.of(&batch.Batch{}); got != 0 {
		t.Errorf("no rows: %d bytes", got)
	}
	if got := s.of(b); got != 100*(8+10+8) {
		t.Errorf("all rows: %d bytes", got)
	}
	b.Columns = b.Columns[1:]
	for range batchesSized {
		s.of(b)
	}
	if got := s.of(b); got != 100*8 {
		t.Errorf("smaller rows: %d bytes", got)
	}
}

// BenchmarkMeter is what measuring adds to a batch that passes through a source, three
// operators and an exchange: to be seen beside the millisecond that such a batch takes.
func BenchmarkMeter(b *testing.B) {
	rows := &batch.Batch{Rows: batch.MaxRows}
	for range 6 {
		texts, numbers := batch.NewColumn(value.StringType, 0), batch.NewColumn(value.BigIntType, 0)
		for i := range batch.MaxRows {
			texts.AppendValue(value.OfString(fmt.Sprint("a text of some length ", i)))
			numbers.AppendValue(value.OfBigInt(int64(i)))
		}
		rows.Columns = append(rows.Columns, texts, numbers)
	}
	var costs []*cost
	for range 4 {
		costs = append(costs, &cost{enters: true, leaves: true})
	}
	m := &meter{costs: costs}
	s := &split{}
	for b.Loop() {
		work := s.thread.start() // of the reader
		passed, processor := s.thread.stop(work)
		s.busy.Add(int64(passed))
		s.cpu.Add(int64(processor))
		m.begin()
		var before []*cost
		for _, c := range costs {
			before = append(before, m.enter(c))
			c.took(rows)
			c.gave(rows)
		}
		for _, c := range before {
			m.enter(c)
		}
		m.end()
	}
}
