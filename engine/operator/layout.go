package operator

import (
	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// Layout says what the columns of prepared rows are: the keys, the number of
// the grouping set where there are several, the time column of windows, then
// the arguments and FILTER of each call, and where late rows are to be kept the
// columns of the input as they were.
type Layout struct {
	Keys  []value.Type // of the group, with the set's number at the end when Sets is not nil
	Sets  [][]int
	Types []value.Type // of all columns
	time  int          // -1 without windows
	calls []callLayout
	input int // where the columns of the input begin; -1 when they are not carried along
}

type callLayout struct {
	call   plan.AggregateCall
	args   []int
	filter int // -1 for all rows
}

// setType is that of the column with the number of the grouping set.
var setType = value.IntType.Required()

// newLayout lays out an aggregation over keys.
func newLayout(keys []plan.Expr, sets [][]int, calls []plan.AggregateCall) *Layout {
	l := &Layout{time: -1, input: -1}
	for i, k := range keys {
		t := k.Type()
		for _, set := range sets {
			if !inSet(set, i) {
				t = t.Optional()
			}
		}
		l.Keys = append(l.Keys, t)
	}
	if sets != nil {
		l.Sets = sets
		l.Keys = append(l.Keys, setType)
	}
	l.Types = append(l.Types, l.Keys...)
	for _, c := range calls {
		l.calls = append(l.calls, callLayout{call: c, filter: -1})
	}
	return l
}

// addTime adds the time column of windows.
func (l *Layout) addTime(t value.Type) {
	l.time = len(l.Types)
	l.Types = append(l.Types, t)
}

// addArguments adds the columns of the calls and returns their expressions. Calls
// that say the same read one column.
func (l *Layout) addArguments() []plan.Expr {
	var exprs []plan.Expr
	first := len(l.Types)
	add := func(e plan.Expr) int {
		for i, known := range exprs {
			if plan.Deterministic(e) && plan.EqualExprs(e, known) {
				return first + i
			}
		}
		exprs = append(exprs, e)
		l.Types = append(l.Types, e.Type())
		return len(l.Types) - 1
	}
	for i := range l.calls {
		c := &l.calls[i]
		for _, arg := range c.call.Args {
			c.args = append(c.args, add(arg))
		}
		if c.call.Filter != nil {
			c.filter = add(c.call.Filter)
		}
	}
	return exprs
}

// LayoutOf is the layout of an Aggregate.
func LayoutOf(n *plan.Aggregate) *Layout {
	l := newLayout(n.Keys, n.Sets, n.Calls)
	l.addArguments()
	return l
}

// WindowLayoutOf is the layout of a WindowAggregate.
func WindowLayoutOf(n *plan.WindowAggregate) *Layout {
	l := newLayout(n.Keys, n.Sets, n.Calls)
	l.addTime(n.Input.Schema()[n.Spec.Time].Type)
	l.addArguments()
	if n.Late.Action != plan.LateDrop {
		l.addInput(n.Input.Schema())
	}
	return l
}

// addInput carries the columns of the input along and returns their expressions.
func (l *Layout) addInput(s plan.Schema) []plan.Expr {
	l.input = len(l.Types)
	exprs := make([]plan.Expr, len(s))
	for i, c := range s {
		exprs[i] = &plan.Column{Index: i, Name: c.Name, Of: c.Type}
		l.Types = append(l.Types, c.Type)
	}
	return exprs
}

func inSet(set []int, i int) bool {
	for _, x := range set {
		if x == i {
			return true
		}
	}
	return false
}

// resultTypes are the types of the calls.
func (l *Layout) resultTypes() []value.Type {
	types := make([]value.Type, len(l.calls))
	for i, c := range l.calls {
		types[i] = c.call.Overload.Result
	}
	return types
}

// groupings gives the GROUPING_ID columns for rows whose group keys are keys:
// for each argument, from the left, a bit that is set where the argument is not
// in the row's grouping set.
func (l *Layout) groupings(of [][]int, keys []*batch.Column, rows int) []*batch.Column {
	columns := make([]*batch.Column, len(of))
	for g, args := range of {
		c := batch.NewColumn(value.BigIntType.Required(), rows)
		c.Resize(rows)
		for i := range rows {
			for _, arg := range args {
				c.Ints[i] <<= 1
				if l.Sets != nil && !inSet(l.Sets[keys[len(keys)-1].Ints[i]], arg) {
					c.Ints[i] |= 1
				}
			}
		}
		columns[g] = c
	}
	return columns
}

// shownKeys are the key columns that the query sees: without the set's number.
func (l *Layout) shownKeys(keys []*batch.Column) []*batch.Column {
	if l.Sets != nil {
		return keys[:len(keys)-1]
	}
	return keys
}
