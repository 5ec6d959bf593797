package operator

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/plan"
	"tidemark/plan/function"
)

// drawCalls draws calls with frames; of a stream in the order of time only what
// does not look ahead.
func drawCalls(t *rapid.T, order []plan.SortKey, settles bool) (calls []plan.OverCall, names []string) {
	functions := []string{"SUM", "COUNT", "MIN", "LAST_VALUE", "ROW_NUMBER", "RANK", "DENSE_RANK", "LAG"}
	if !settles {
		functions = append(functions, "LEAD", "NTILE", "PERCENT_RANK", "CUME_DIST", "LAG IGNORE NULLS")
	}
	for i := range rapid.IntRange(1, 3).Draw(t, "calls") {
		c := plan.OverCall{Frame: plan.Frame{Range: true, To: plan.FrameBound{Kind: plan.CurrentRow}}}
		switch name := rapid.SampledFrom(functions).Draw(t, "function"); name {
		case "SUM", "COUNT", "MIN", "LAST_VALUE":
			c.AggregateCall = windowCallOf(name, eventColumn(1))
			c.Frame = drawFrame(t, len(order) == 1, settles)
			if rapid.IntRange(0, 3).Draw(t, "filter") == 0 {
				c.Filter = callOf("<", eventColumn(1), &plan.Literal{Value: value.OfBigInt(2)})
			}
		case "LAG", "LEAD":
			offset := rapid.Int64Range(0, 3).Draw(t, "offset")
			c.AggregateCall = windowCallOf(name, eventColumn(1), &plan.Literal{Value: value.OfBigInt(offset)}, eventColumn(3))
		case "LAG IGNORE NULLS":
			c.AggregateCall, c.IgnoreNulls = windowCallOf("LAG", eventColumn(1), &plan.Literal{Value: value.OfBigInt(1)}), true
		case "NTILE":
			c.AggregateCall = windowCallOf(name, &plan.Literal{Value: value.OfInt(3)})
		default:
			c.AggregateCall = windowCallOf(name)
		}
		calls, names = append(calls, c), append(names, fmt.Sprint("f", i))
	}
	return calls, names
}

// windowCallOf is a call whose function may look at constant arguments.
func windowCallOf(name string, args ...plan.Expr) plan.AggregateCall {
	f, ok := function.Lookup(name)
	if !ok {
		panic("no function " + name)
	}
	var arguments []plan.Argument
	for _, a := range args {
		argument := plan.Argument{Type: a.Type()}
		if l, ok := a.(*plan.Literal); ok {
			argument.Literal = &l.Value
		}
		arguments = append(arguments, argument)
	}
	overload, err := f.Resolve(arguments)
	if err != nil {
		panic(err)
	}
	return plan.AggregateCall{Function: f, Overload: overload, Args: args}
}

// drawFrame draws a frame that does not end before it starts.
func drawFrame(t *rapid.T, distances, settles bool) plan.Frame {
	f := plan.Frame{Range: rapid.Bool().Draw(t, "range")}
	last := plan.UnboundedFollowing
	if settles {
		last = plan.CurrentRow
	}
	kinds := []plan.FrameBoundKind{plan.UnboundedPreceding, plan.Preceding, plan.CurrentRow, plan.Following, plan.UnboundedFollowing}[:last+1]
	if f.Range && !distances {
		kinds = slices.DeleteFunc(slices.Clone(kinds), func(k plan.FrameBoundKind) bool { return k == plan.Preceding || k == plan.Following })
	}
	bound := func(name string) plan.FrameBound {
		b := plan.FrameBound{Kind: rapid.SampledFrom(kinds).Draw(t, name)}
		if b.Kind == plan.Preceding || b.Kind == plan.Following {
			b.Offset = rapid.Int64Range(0, 4).Draw(t, "distance")
		}
		return b
	}
	f.From, f.To = bound("from"), bound("to")
	if f.From.Kind > f.To.Kind {
		f.From, f.To = f.To, f.From
	}
	if f.From.Kind == plan.UnboundedFollowing {
		f.From.Kind = plan.CurrentRow
	}
	if f.To.Kind == plan.UnboundedPreceding {
		f.To.Kind = plan.CurrentRow
	}
	return f
}

// overRows computes what OVER gives for the events of one partition, in order,
// straight from its definition.
func overRows(part []event, n *plan.Over) []string {
	var rows []string
	for i, e := range part {
		row := e.values()
		for _, c := range n.Calls {
			row = append(row, overValue(part, i, n.Order, c))
		}
		rows = append(rows, fmt.Sprint(texts(row)))
	}
	return rows
}

func overValue(part []event, i int, order []plan.SortKey, c plan.OverCall) value.Value {
	compare := compareEvents(order)
	before, peers, distinct := 0, 0, map[string]bool{}
	for j, e := range part {
		o := compare(e, part[i])
		if o < 0 {
			before++
		}
		if o == 0 {
			peers++
		}
		if o <= 0 {
			distinct[fmt.Sprint(orderTexts(part[j], order))] = true
		}
	}
	null := value.NullOf(c.Overload.Result)
	look := func(at int) value.Value {
		switch {
		case at >= 0 && at < len(part):
			return part[at].v
		case len(c.Args) == 3:
			return part[i].id
		}
		return null
	}
	size := len(part)
	switch c.Function.Name {
	case "ROW_NUMBER":
		return value.OfBigInt(int64(i) + 1)
	case "RANK":
		return value.OfBigInt(int64(before) + 1)
	case "DENSE_RANK":
		return value.OfBigInt(int64(len(distinct)))
	case "PERCENT_RANK":
		return value.OfDouble(float64(before) / float64(max(size-1, 1)))
	case "CUME_DIST":
		return value.OfDouble(float64(before+peers) / float64(size))
	case "NTILE":
		bucket, filled := 1, 0
		for range i {
			room := size / 3
			if bucket <= size%3 {
				room++
			}
			if filled++; filled >= room {
				bucket, filled = bucket+1, 0
			}
		}
		return value.OfInt(int32(bucket))
	case "LEAD":
		return look(i + int(c.Args[1].(*plan.Literal).Value.Int))
	case "LAG":
		if !c.IgnoreNulls {
			return look(i - int(c.Args[1].(*plan.Literal).Value.Int))
		}
		for j := i - 1; j >= 0; j-- {
			if !part[j].v.Null {
				return part[j].v
			}
		}
		return null
	}
	sum, least, last, count := int64(0), int64(0), int64(0), int64(0)
	for j, e := range part {
		if !inFrame(part, i, j, order, c.Frame) || e.v.Null || c.Filter != nil && e.v.Int >= 2 {
			continue
		}
		if count == 0 || e.v.Int < least {
			least = e.v.Int
		}
		sum, last, count = sum+e.v.Int, e.v.Int, count+1
	}
	switch {
	case c.Function.Name == "COUNT":
		return value.OfBigInt(count)
	case count == 0:
		return null
	case c.Function.Name == "SUM":
		return value.OfBigInt(sum)
	case c.Function.Name == "MIN":
		return value.OfBigInt(least)
	}
	return value.OfBigInt(last)
}

func orderTexts(e event, order []plan.SortKey) []string {
	var row []value.Value
	for _, k := range order {
		row = append(row, e.values()[k.Expr.(*plan.Column).Index])
	}
	return texts(row)
}

// inFrame reports whether row j is in the frame of row i.
func inFrame(part []event, i, j int, order []plan.SortKey, f plan.Frame) bool {
	// distance is how far j is behind i: in rows, in the key, or for NULLs and
	// several keys only before, beside or after.
	distance := func(b plan.FrameBound) int64 {
		if !f.Range {
			return int64(j - i)
		}
		c := order[0].Expr.(*plan.Column).Index
		x, y := part[i].values()[c], part[j].values()[c]
		side := int64(compareEvents(order)(part[j], part[i]))
		if b.Kind == plan.CurrentRow || x.Null || y.Null {
			if b.Kind != plan.CurrentRow && !x.Null {
				return side * 1000 // NULLs are farther than any distance
			}
			return side
		}
		d := y.Int - x.Int
		if c == 2 {
			d /= 1000
		}
		if order[0].Descending {
			return -d
		}
		return d
	}
	isNull := f.Range && part[i].values()[order[0].Expr.(*plan.Column).Index].Null
	limit := func(b plan.FrameBound) int64 {
		switch {
		case b.Kind == plan.CurrentRow || isNull:
			return 0
		case b.Kind == plan.Preceding:
			return -b.Offset
		}
		return b.Offset
	}
	after := f.From.Kind == plan.UnboundedPreceding || distance(f.From) >= limit(f.From)
	until := f.To.Kind == plan.UnboundedFollowing || distance(f.To) <= limit(f.To)
	return after && until
}

// TestOverTable compares OVER over whole partitions with its definition.
func TestOverTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t, rapid.Bool().Draw(t, "retracts"))
		n := &plan.Over{Input: eventScan, Partition: []int{0}, Order: drawOrder(t)}
		n.Calls, n.Names = drawCalls(t, n.Order, false)
		got, _ := drive(t, events, 3, rapid.Bool().Draw(t, "streaming"), func(env Environment) (engine.Operator, error) { return NewOverTable(env, n) })
		var want []string
		for _, part := range byPartition(present(events), n.Order) {
			want = append(want, overRows(part, n)...)
		}
		wantRows(t, want, got)
	})
}

// TestOverStream compares OVER in the order of time with its definition over the
// rows that are not late.
func TestOverStream(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t, false)
		n := &plan.Over{Input: timedEvents(), Partition: []int{0}, Order: []plan.SortKey{{Expr: eventColumn(2), NullsFirst: true}}, TTL: drawLongTTL(t)[0]}
		if rapid.Bool().Draw(t, "second key") {
			n.Order = append(n.Order, plan.SortKey{Expr: eventColumn(1), Descending: true})
		}
		n.Calls, n.Names = drawCalls(t, n.Order, true)
		if !n.Settles() {
			t.Fatal("this should settle")
		}
		got, updates := drive(t, events, 3, true, func(env Environment) (engine.Operator, error) { return NewOverStream(env, n) })
		if updates {
			t.Fatal("a row was taken back")
		}
		var want []string
		for _, part := range byPartition(inTime(events, n), n.Order) {
			want = append(want, overRows(part, n)...)
		}
		wantRows(t, want, got)
	})
}

// inTime is the events that are not late: by the watermark, or, where all frames
// are bounded, by the last row that had its turn.
func inTime(events []event, n *plan.Over) []event {
	patient := true
	for _, c := range n.Calls {
		patient = patient && c.Function.Aggregate && c.Frame.From.Kind != plan.UnboundedPreceding
	}
	var kept []event
	for _, e := range events {
		at := e.at.Int / 1000
		isLate := at <= e.mark
		if patient {
			isLate = slices.ContainsFunc(kept, func(x event) bool {
				return x.k.Int == e.k.Int && max(x.at.Int/1000, x.mark+1) <= e.mark && x.at.Int >= e.at.Int
			})
		}
		if !isLate {
			kept = append(kept, e)
		}
	}
	return kept
}
