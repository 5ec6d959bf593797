package job

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/connect"
	"tidemark/plan"
)

// selectingSource is a source that takes some of the conditions that it is offered, and
// has garbage where a value is not needed.
type selectingSource struct {
	rowSource
	takes     func(connect.Condition) bool
	selection connect.Selection
	offers    int
}

func (s *selectingSource) Select(offered connect.Selection) (taken []bool) {
	s.offers++
	s.selection.Whole = offered.Whole
	for _, c := range offered.Conditions {
		taken = append(taken, s.takes(c))
		if s.takes(c) {
			s.selection.Conditions = append(s.selection.Conditions, c)
		}
	}
	return taken
}

func (s *selectingSource) Open(ctx context.Context, id connect.SplitID, from connect.Offset) (connect.Reader, error) {
	r, err := s.rowSource.Open(ctx, id, from)
	return &selectingReader{Reader: r, source: s}, err
}

type selectingReader struct {
	connect.Reader
	source *selectingSource
}

func (r *selectingReader) Read(ctx context.Context) (*batch.Batch, error) {
	b, err := r.Reader.Read(ctx)
	if err != nil {
		return nil, err
	}
	passed := []uint16{}
	for i := range b.Rows {
		if r.source.passes(b, i) {
			passed = append(passed, uint16(i))
			continue
		}
		for k, garbage := range []value.Value{value.OfString("garbage"), value.OfBigInt(99), {Type: timeType, Int: 1 << 40}} {
			if !r.source.selection.Whole[k] {
				b.Columns[k].SetValue(i, garbage)
			}
		}
	}
	if len(passed) < b.Rows {
		b.Sel = passed
	}
	return b, nil
}

func (s *selectingSource) passes(b *batch.Batch, i int) bool {
	return !slices.ContainsFunc(s.selection.Conditions, func(c connect.Condition) bool {
		v := b.Columns[c.Column].Value(i)
		switch c.Comparison {
		case connect.Equals:
			return v.Text != c.Value.Text || v.Int != c.Value.Int
		case connect.Greater:
			return v.Int <= c.Value.Int
		case connect.In:
			return !slices.ContainsFunc(c.Values, func(with value.Value) bool { return v.Text == with.Text && v.Int == with.Int })
		default:
			panic("the test has no " + string(c.Comparison))
		}
	})
}

// TestASourceThatSelects compares jobs whose source looks at conditions with those whose
// source does not: rows that are not wanted move event time and are nowhere else.
func TestASourceThatSelects(t *testing.T) {
	text := func(s string) plan.Expr { return &plan.Literal{Value: value.OfString(s)} }
	number := func(n int64) plan.Expr { return &plan.Literal{Value: value.OfBigInt(n)} }
	terms := []plan.Expr{
		call("=", column(0, keyType), text("a")), call("IN", column(0, keyType), text("a"), text("c"), text("f")), call("<", number(-2), column(1, nType)),
		call("=", call("+", column(1, nType), number(1)), number(3)), call("<>", column(1, nType), number(0)),
	}
	rapid.Check(t, func(t *rapid.T) {
		splits := drawSplits(t)
		conditions := rapid.SliceOfN(rapid.SampledFrom(terms), 1, 3).Draw(t, "conditions")
		condition := conditions[0]
		if len(conditions) > 1 {
			condition = call("AND", conditions...)
		}
		s := scan()
		var read plan.Node = s
		shape := rapid.SampledFrom([]string{"scan", "event time", "computed"}).Draw(t, "shape")
		switch shape {
		case "scan":
			s.Filter = condition
		case "computed":
			// v is computed, and a condition on it is not the source's.
			read = &plan.Project{Input: s, Exprs: []plan.Expr{column(0, keyType), call("-", number(0), column(1, nType)), column(2, timeType)}, Names: []string{"k", "v", "at"}, Times: make([]plan.TimeAttribute, 3)}
			fallthrough
		default:
			late := &plan.Literal{Value: value.Value{Type: value.Type{Kind: value.IntervalDayTime, NotNull: true}, Int: testDelay}}
			read = &plan.Filter{Condition: condition, Input: &plan.Watermark{Input: read, Column: 2, Delayed: call("-", column(2, timeType), late)}}
		}
		p := read
		if shape != "scan" && rapid.Bool().Draw(t, "windows") {
			p = &plan.WindowAggregate{
				Input: read, Spec: plan.WindowSpec{Kind: plan.Tumble, Size: 100, Time: 2}, Keys: []plan.Expr{column(0, keyType)}, Names: []string{"k", "n", "total"},
				Calls:      []plan.AggregateCall{aggregate("COUNT"), aggregate("SUM", column(1, nType))},
				Properties: []plan.WindowProperty{{Kind: plan.WindowStart, Name: "window_start"}},
			}
		}
		spec := Spec{Plan: p, Parallelism: rapid.IntRange(1, 2).Draw(t, "workers")}
		if rapid.Bool().Draw(t, "streaming") {
			spec.Context = streaming()
		}
		run := func(source connect.Source) string {
			sink := newTableSink()
			spec.Sink, spec.Sources = sink, map[*plan.Scan]connect.Source{s: source}
			j, err := New(spec)
			if err == nil {
				err = j.Run(context.Background())
			}
			if err != nil {
				t.Fatal(err)
			}
			status := j.Status()
			return fmt.Sprintf("%s\n%d rows, %d late", sink.table(), status.RowsIn, status.Late)
		}
		rows := rowSource{splits: splits, batchRows: rapid.IntRange(1, 20).Draw(t, "batch")}
		most := rapid.IntRange(0, 3).Draw(t, "most")
		selecting := &selectingSource{rowSource: rows, takes: func(c connect.Condition) bool { return len(c.Values) < most }}
		want, got := run(&rows), run(selecting)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%v of %s: %s", conditions, shape, diff)
		}
	})
}

// TestWhatIsOffered looks at the conditions that a source is offered.
func TestWhatIsOffered(t *testing.T) {
	text := &plan.Literal{Value: value.OfString("a")}
	number := &plan.Literal{Value: value.OfBigInt(1)}
	simple, other := call("=", column(0, keyType), text), call(">", column(1, nType), number)
	complicated := call("=", call("+", column(1, nType), number), number)
	for _, c := range []struct {
		name      string
		condition plan.Expr
		twice     bool
		want      int
	}{
		{name: "all", condition: call("AND", simple, other), want: 2},
		{name: "up to the first other one", condition: call("AND", simple, complicated, other), want: 1},
		{name: "none", condition: call("AND", complicated, simple)},
		{name: "none of a scan that is read twice", condition: simple, twice: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := scan()
			var p plan.Node = &plan.Filter{Input: watermarked(s, 0), Condition: c.condition}
			if c.twice {
				p = &plan.Union{All: []plan.Node{p, watermarked(s, 0)}}
			}
			source := &selectingSource{takes: func(connect.Condition) bool { return true }}
			if _, err := New(Spec{Plan: p, Sources: map[*plan.Scan]connect.Source{s: source}, Sink: newTableSink(), Context: streaming()}); err != nil {
				t.Fatal(err)
			}
			if got := len(source.selection.Conditions); got != c.want || source.offers > 1 {
				t.Errorf("%d conditions in %d offers, want %d", got, source.offers, c.want)
			}
		})
	}
}
