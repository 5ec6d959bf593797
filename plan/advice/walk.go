package advice

import (
	"fmt"
	"strings"
	"time"

	"tidemark/base/value"
	"tidemark/plan"
	"tidemark/plan/bind"
)

// walker goes through a plan, inputs first.
type walker struct {
	rates  Rates
	report Report
	shared map[int]float64 // rate of each shared part that it has been to
}

// node notes what n and the nodes below it keep, and gives the rate of its rows.
func (w *walker) node(n plan.Node) float64 {
	switch n := n.(type) {
	case *plan.Scan:
		if rate, ok := w.rates(n.Table); ok {
			return rate
		}
		w.report.Assumed = true
		return assumedRate
	case *plan.Values:
		return 0
	case *plan.Shared: // it runs once
		rate, known := w.shared[n.Number]
		if !known {
			rate = w.node(n.Input)
			w.shared[n.Number] = rate
		}
		return rate
	case *plan.Window:
		return w.node(n.Input) * float64(windowsPerRow(n.Spec))
	case *plan.Aggregate:
		return w.aggregate(n)
	case *plan.WindowAggregate:
		return w.windowAggregate(n)
	case *plan.Join:
		return w.join(n)
	case *plan.MultiJoin:
		return w.multiJoin(n)
	case *plan.TemporalJoin:
		left, right := w.node(n.Left), w.node(n.Right)
		w.keep(State{Operator: "TemporalJoin" + keyNames(n.Keys, n.Left.Schema()), Keeps: "every version of the right that the watermark has not passed, and the newest of every key",
			RowBytes: rowBytes(n.Right.Schema()), Rate: right, Span: Unbounded})
		return left
	case *plan.Rank:
		return w.rank(n)
	case *plan.Over:
		return w.over(n)
	case *plan.Match:
		return w.match(n)
	case *plan.Normalize:
		rate := w.node(n.Input)
		w.keep(State{Operator: "Normalize by " + names(n.Input.Schema(), n.Keys), Keeps: "the row of every key", RowBytes: rowBytes(n.Input.Schema()), Rate: rate, Span: Unbounded}.expiring(n.TTL))
		return rate
	}
	rate := 0.0
	for _, input := range n.Inputs() {
		rate += w.node(input)
	}
	return rate
}

func (w *walker) keep(s State) { w.report.States = append(w.report.States, s) }

// expiring is a state with a time to live, if that is shorter: what is written
// again and again stays, so that the rate is that of new keys, at most.
func (s State) expiring(ttl time.Duration) State {
	if ttl == 0 || ttl >= s.Span || s.Span == 0 {
		return s
	}
	s.Span, s.Until, s.Advice = ttl, "", ""
	s.Keeps += ", as long as it is written"
	return s
}

// ttlAdvice follows other advice for state that grows for ever.
const ttlAdvice = "; or have forgotten what is not written any more: STATE_TTL, or 'table.exec.state.ttl'"

// windowsPerRow is in how many windows a row is.
func windowsPerRow(spec plan.WindowSpec) int64 {
	switch spec.Kind {
	case plan.Hop, plan.Cumulate:
		return max(1, (spec.Size+spec.Slide-1)/spec.Slide)
	case plan.Tumble, plan.Session:
	}
	return 1
}

// windowSpan is how long a window takes.
func windowSpan(spec plan.WindowSpec) time.Duration {
	if spec.Kind == plan.Session {
		return time.Duration(spec.Gap) * time.Millisecond
	}
	return time.Duration(spec.Size) * time.Millisecond
}

func (w *walker) aggregate(n *plan.Aggregate) float64 {
	rate := w.node(n.Input)
	in := n.Input.Schema()
	keys := make([]string, len(n.Keys))
	for i, k := range n.Keys {
		keys[i] = plan.PrintExpr(k, in)
	}
	s := State{Operator: "Aggregate by (" + strings.Join(keys, ", ") + ")", Keeps: "every group", RowBytes: groupBytes(n.Keys, n.Calls), Rate: rate, Span: Unbounded}
	if len(n.Keys) == 0 {
		s.Operator, s.Keeps, s.Span = "Aggregate", "one group", 0
	} else {
		s.Advice = "group by a window of time as well (TUMBLE, HOP, CUMULATE), if the groups need not be corrected for ever" + ttlAdvice
	}
	s = s.expiring(n.TTL)
	w.keep(s)
	// The values of a group that is written again and again are as many as there are.
	w.distinct(s.Operator, n.Calls, rate, Unbounded)
	return rate
}

// distinct notes the values that DISTINCT calls keep.
func (w *walker) distinct(operator string, calls []plan.AggregateCall, rate float64, span time.Duration) {
	seen := map[string]bool{}
	for _, c := range calls {
		if !c.Distinct {
			continue
		}
		text := plan.PrintCall(c, nil)
		if seen[text] {
			continue
		}
		seen[text] = true
		bytes := entryBytes
		for _, arg := range c.Args {
			bytes += typeBytes(arg.Type())
		}
		s := State{Operator: operator + ", " + text, Keeps: "every different value of every group", RowBytes: bytes, Rate: rate, Span: span}
		if span == Unbounded {
			s.Advice = "APPROX_COUNT_DISTINCT keeps a few kB a group, with an error of about 2 %; or count within windows of time"
		}
		w.keep(s)
	}
}

func (w *walker) windowAggregate(n *plan.WindowAggregate) float64 {
	rate := w.node(n.Input)
	in := n.Input.Schema()
	span := windowSpan(n.Spec) + n.Late.Keep
	keys := make([]string, len(n.Keys))
	for i, k := range n.Keys {
		keys[i] = plan.PrintExpr(k, in)
	}
	operator := fmt.Sprintf("WindowAggregate %s by (%s)", n.Spec.Kind, strings.Join(keys, ", "))
	w.keep(State{Operator: operator, Keeps: "the groups of windows that the watermark has not passed", RowBytes: groupBytes(n.Keys, n.Calls), Rate: rate, Span: span})
	w.distinct(operator, n.Calls, rate, span)
	return rate * float64(windowsPerRow(n.Spec))
}

func (w *walker) join(n *plan.Join) float64 {
	left, right := w.node(n.Left), w.node(n.Right)
	in := n.Left.Schema()
	operator := "Join " + n.Kind.String() + keyNames(n.Keys, in)
	bytes := max(rowBytes(in), rowBytes(n.Right.Schema()))
	switch {
	case n.Interval != nil:
		i := n.Interval
		span := time.Duration(max(i.Upper-i.Lower, i.Upper, -i.Lower)) * time.Millisecond
		w.keep(State{Operator: operator, Keeps: "the rows of both inputs for as long as they can find a partner", RowBytes: bytes, Rate: left + right, Span: span})
	case n.Window != nil:
		s := State{Operator: operator, Keeps: "the rows of both inputs until their window is over", RowBytes: bytes, Rate: left + right, Span: Unbounded}
		if source := plan.WindowOrigins(n.Left)[n.Window.Left].Source; source != nil {
			s.Span = windowSpan(plan.WindowSpecOf(source))
		}
		w.keep(s)
	default:
		if n.Bounds[0] != nil || n.Bounds[1] != nil {
			w.boundedJoin(n, operator, [2]float64{left, right})
			break
		}
		s := State{Operator: operator, Keeps: "every row of both inputs", RowBytes: bytes, Rate: left + right, Span: Unbounded}
		l, r := timeColumn(in), timeColumn(n.Right.Schema())
		switch {
		case left == 0 || right == 0:
			s.Keeps, s.Rate = "every row of the input that goes on", max(left, right)
		case bind.JoinBounds(n) != [2]*plan.JoinBound{}:
			s.Advice = "columns bound event time here: without late rows, others could be forgotten: SET '" + bind.LateRowsSetting + "' = 'drop', or of a materialized table 'late-policy' = 'drop'" + ttlAdvice
		case l != "" && r != "":
			s.Advice = fmt.Sprintf("both inputs have event time: a bound such as AND %s BETWEEN %s AND %s + INTERVAL '1' HOUR lets rows be forgotten", r, l, l) + ttlAdvice
		default:
			s.Advice = "event time in both inputs and a bound between the two (or equal windows) would let rows be forgotten" + ttlAdvice
		}
		if n.TTL[0] != 0 && n.TTL[1] != 0 {
			s = s.expiring(max(n.TTL[0], n.TTL[1]))
		}
		w.keep(s)
	}
	return max(left, right)
}

// multiJoin notes what a join of several inputs keeps of each.
func (w *walker) multiJoin(n *plan.MultiJoin) float64 {
	most := 0.0
	for i, input := range n.All {
		rate, schema := w.node(input), input.Schema()
		w.keep(State{Operator: "MultiJoin by " + names(schema, n.Keys[i]), Keeps: fmt.Sprintf("every row of input %d", i+1), RowBytes: rowBytes(schema), Rate: rate, Span: Unbounded,
			Advice: "event time in all inputs and bounds between them would let rows be forgotten" + ttlAdvice})
		most = max(most, rate)
	}
	return most
}

// boundedJoin notes what each side of a join keeps that drops late rows. How long
// that is cannot be told where it stands in the rows.
func (w *walker) boundedJoin(n *plan.Join, operator string, rates [2]float64) {
	sides := [2]plan.Node{n.Left, n.Right}
	for side, name := range [2]string{"left", "right"} {
		schema, bound := sides[side].Schema(), n.Bounds[side]
		s := State{Operator: operator + ", " + name, Keeps: "every row", RowBytes: rowBytes(schema), Rate: rates[side], Span: Unbounded}
		if bound == nil {
			s.Advice = "nothing in the rows bounds event time of the other input" + ttlAdvice
		} else {
			until := schema[bound.Until]
			s.Keeps = "every row for as long as it can find a partner"
			if until.Time == plan.Rowtime {
				s.Span = time.Duration(max(bound.Plus, 1)) * time.Millisecond
			} else {
				s.Until = plan.Quote(until.Name)
			}
		}
		w.keep(s.expiring(n.TTL[side]))
	}
}

func (w *walker) rank(n *plan.Rank) float64 {
	rate := w.node(n.Input)
	in := n.Input.Schema()
	s := State{Operator: fmt.Sprintf("Rank %d to %d by %s", n.From, n.To, names(in, n.Partition)), RowBytes: rowBytes(in), Rate: rate, Span: Unbounded}
	switch {
	case n.WindowEnd >= 0:
		s.Keeps = fmt.Sprintf("the first %d rows of every group until their window is over", n.To)
		if source := plan.WindowOrigins(n.Input)[n.WindowEnd].Source; source != nil {
			s.Span = windowSpan(plan.WindowSpecOf(source))
		}
	case plan.Updating(n.Input, nil):
		s.Keeps = "every row, as rows can be taken back"
	default:
		s.Keeps = fmt.Sprintf("the first %d rows of every group", n.To)
	}
	if s.Span == Unbounded && len(n.Partition) > 0 {
		s.Advice = "rank within windows of time (PARTITION BY window_start, window_end, …), if the groups need not be corrected for ever" + ttlAdvice
	}
	if n.WindowEnd < 0 && !plan.Updating(n.Input, nil) {
		s = s.expiring(n.TTL)
	}
	w.keep(s)
	return rate
}

func (w *walker) over(n *plan.Over) float64 {
	rate := w.node(n.Input)
	in := n.Input.Schema()
	s := State{Operator: "Over by " + names(in, n.Partition), RowBytes: rowBytes(in), Rate: rate}
	for _, c := range n.Calls {
		from := c.Frame.From
		switch {
		case from.Kind == plan.Preceding && c.Frame.Range:
			s.Span = max(s.Span, time.Duration(from.Offset)*time.Millisecond)
			s.Keeps = "the rows of every frame"
		default:
			s.Span = Unbounded
			s.Keeps = "the last rows, or the sums, of every partition"
		}
	}
	if len(n.Partition) == 0 && s.Span == Unbounded {
		s.Span = 0
	}
	w.keep(s)
	return rate
}

func (w *walker) match(n *plan.Match) float64 {
	rate := w.node(n.Input)
	in := n.Input.Schema()
	s := State{Operator: "Match by " + names(in, n.Partition), Keeps: "the rows of patterns that are under way", RowBytes: rowBytes(in), Rate: rate, Span: n.Within}
	if n.Within == 0 {
		s.Span = Unbounded
		s.Advice = "WITHIN an INTERVAL behind the pattern gives patterns up that take too long"
	}
	w.keep(s)
	return rate
}

// timeColumn is the name of the event time of rows, "" for none.
func timeColumn(s plan.Schema) string {
	for _, c := range s {
		if c.Time == plan.Rowtime {
			return plan.Quote(c.Name)
		}
	}
	return ""
}

func names(s plan.Schema, columns []int) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = plan.Quote(s[c].Name)
	}
	return "(" + strings.Join(list, ", ") + ")"
}

func keyNames(keys []plan.JoinKey, left plan.Schema) string {
	columns := make([]int, len(keys))
	for i, k := range keys {
		columns[i] = k.Left
	}
	return " by " + names(left, columns)
}

// What things take in memory, about.
const (
	entryBytes  = 24 // of a hash table, for each key
	stringBytes = 24
	nestedBytes = 64
)

func typeBytes(t value.Type) int {
	switch t.Class() {
	case value.Strings:
		return stringBytes
	case value.Wides:
		return 16
	case value.Lists, value.Structs:
		return nestedBytes
	case value.NoData, value.Bools, value.Ints, value.Floats:
	}
	return 8
}

func rowBytes(s plan.Schema) int {
	bytes := entryBytes
	for _, c := range s {
		bytes += typeBytes(c.Type)
	}
	return bytes
}

func groupBytes(keys []plan.Expr, calls []plan.AggregateCall) int {
	bytes := entryBytes
	for _, k := range keys {
		bytes += typeBytes(k.Type())
	}
	for _, c := range calls {
		bytes += typeBytes(c.Overload.Result)
	}
	return bytes
}
