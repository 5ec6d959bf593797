package bind

import (
	"fmt"
	"slices"
	"time"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
	"tidemark/sql"
)

// grouping is the aggregation of one SELECT while its clauses are bound.
//
// Select items, HAVING and ORDER BY are first bound over an imagined input: the
// columns of the real input, and behind them one column per aggregate call or
// GROUPING_ID. When all are known, lift moves each expression over the
// aggregation: subexpressions equal to a key become the key's column.
type grouping struct {
	input    plan.Node
	width    int // columns of input
	keys     []plan.Expr
	names    []string
	sets     [][]int // nil for one set of all keys
	global   bool    // one group of all rows, even if there are none
	calls    []plan.AggregateCall
	idLists  [][]int   // the lists of GROUPING_ID
	imagined []product // of column width+i
	legacy   *legacyWindow
	columns  []plan.Expr   // the keys as columns of input, where it computes some of them for SESSION; nil otherwise
	ttl      time.Duration // of the groups, 0 where nothing is said
	wrong    bool          // a key is missing: its columns are not to be complained about
}

// product is what an imagined column stands for.
type product struct {
	groupingID bool
	index      int // in calls or idLists
}

// groupBy binds GROUP BY. It is nil when nothing can be bound over it.
func (b *binder) groupBy(sel *sql.Select, input plan.Node, s *scope) *grouping {
	g := &grouping{input: input, global: sel.GroupBy == nil}
	by := s.in("GROUP BY")
	by.grouping = nil
	if sel.GroupBy != nil {
		if legacy, ok := b.legacyWindow(sel.GroupBy, input, by); !ok {
			return nil
		} else if legacy != nil {
			g.legacy, g.input = legacy, legacy.window
		}
		before := len(b.found)
		b.groupElements(g, sel.GroupBy, by)
		g.wrong = len(b.found) > before
		if g.legacy != nil && g.legacy.name == "SESSION" && !g.wrong {
			if g.sets != nil {
				b.unsupported(g.legacy.call.Pos(), "SESSION among grouping sets", "write FROM TABLE("+usages["SESSION"]+") and group by its window_start and window_end")
				return nil
			}
			g.columns = g.legacy.partition(g)
		}
	}
	g.width = len(g.input.Schema())
	return g
}

// groupElements binds the elements and multiplies their sets.
func (b *binder) groupElements(g *grouping, by *sql.GroupBy, s *scope) {
	sets := [][]int{{}}
	several := false
	for _, element := range by.Elements {
		these := b.groupElement(g, element, s)
		several = several || element.Kind != sql.GroupSet
		var product [][]int
		for _, left := range sets {
			for _, right := range these {
				product = append(product, union(left, right))
			}
		}
		if len(product) > unfoldedMax {
			b.wrong(element.Pos(), problem.TooLarge, "group by fewer combinations", "GROUP BY makes more than %d grouping sets", unfoldedMax)
			return
		}
		sets = product
	}
	if several && len(sets) > 1 {
		g.sets = sets
	}
	g.global = len(g.keys) == 0 && len(sets) == 1
}

// groupElement gives the sets of one element.
func (b *binder) groupElement(g *grouping, element *sql.GroupElement, s *scope) [][]int {
	switch element.Kind {
	case sql.GroupRollup, sql.GroupCube:
		parts := make([][]int, len(element.Elements))
		for i, e := range element.Elements {
			parts[i] = b.groupKeys(g, e, s)
		}
		if element.Kind == sql.GroupRollup {
			return rollup(parts)
		}
		if len(parts) > 12 {
			b.wrong(element.Pos(), problem.TooLarge, "group by fewer combinations", "CUBE of %d columns makes more than %d grouping sets", len(parts), unfoldedMax)
			return [][]int{{}}
		}
		return cube(parts)
	case sql.GroupSets:
		var sets [][]int
		for _, e := range element.Elements {
			sets = append(sets, b.groupElement(g, e, s)...)
		}
		return sets
	case sql.GroupSet:
	}
	return [][]int{b.groupKeys(g, element, s)}
}

func rollup(parts [][]int) [][]int {
	var sets [][]int
	for n := len(parts); n >= 0; n-- {
		set := []int{}
		for _, p := range parts[:n] {
			set = union(set, p)
		}
		sets = append(sets, set)
	}
	return sets
}

func cube(parts [][]int) [][]int {
	var sets [][]int
	for mask := 1<<len(parts) - 1; mask >= 0; mask-- {
		set := []int{}
		for i, p := range parts {
			if mask&(1<<(len(parts)-1-i)) != 0 {
				set = union(set, p)
			}
		}
		sets = append(sets, set)
	}
	return sets
}

func union(a, b []int) []int {
	all := append([]int{}, a...)
	for _, x := range b {
		if !slices.Contains(all, x) {
			all = append(all, x)
		}
	}
	return all
}

// groupKeys binds the expressions of one set and gives their key numbers.
func (b *binder) groupKeys(g *grouping, element *sql.GroupElement, s *scope) []int {
	set := []int{}
	for _, e := range element.Exprs {
		if g.legacy != nil && g.legacy.call == e {
			set = union(set, g.legacy.keys(g))
			continue
		}
		if l, ok := e.(*sql.Literal); ok && l.Kind == sql.IntegerLiteral {
			b.wrong(l.Pos(), problem.InvalidQuery, "write the expression itself", "GROUP BY %s is a constant, not the column of that number", l.Text)
			continue
		}
		bound := b.expr(e, s)
		if bound == nil {
			continue
		}
		if bound.Type().Kind == value.Null {
			b.untypedNull(bound)
			continue
		}
		name := ""
		if ref, ok := e.(*sql.ColumnRef); ok {
			name = ref.Path.Last().Text
		}
		set = union(set, []int{g.key(bound, name)})
	}
	return set
}

// key is the number of a key, which it becomes if it is none yet.
func (g *grouping) key(e plan.Expr, name string) int {
	for i, k := range g.keys {
		if plan.EqualExprs(k, e) {
			return i
		}
	}
	if name == "" {
		name = fmt.Sprintf("key$%d", len(g.keys))
	}
	g.keys, g.names = append(g.keys, e), append(g.names, name)
	return len(g.keys) - 1
}

// call adds an aggregate call and gives the imagined column of its result.
func (g *grouping) call(c plan.AggregateCall, pos problem.Position) plan.Expr {
	at := plan.At{Position: pos}
	for i, p := range g.imagined {
		if !p.groupingID && sameCall(g.calls[p.index], c) {
			return &plan.Column{At: at, Index: g.width + i, Name: c.Function.Name, Of: c.Overload.Result}
		}
	}
	g.calls = append(g.calls, c)
	g.imagined = append(g.imagined, product{index: len(g.calls) - 1})
	return &plan.Column{At: at, Index: g.width + len(g.imagined) - 1, Name: c.Function.Name, Of: c.Overload.Result}
}

func sameCall(a, b plan.AggregateCall) bool {
	if a.Function != b.Function || a.Distinct != b.Distinct || len(a.Args) != len(b.Args) || (a.Filter == nil) != (b.Filter == nil) ||
		!a.Overload.Result.Equal(b.Overload.Result) || a.Function.Volatile {
		return false
	}
	for i := range a.Args {
		if !plan.EqualExprs(a.Args[i], b.Args[i]) {
			return false
		}
	}
	return a.Filter == nil || plan.EqualExprs(a.Filter, b.Filter)
}

// groupingID binds GROUPING_ID(keys) and GROUPING(key).
func (b *binder) groupingID(c *sql.Call, s *scope) plan.Expr {
	g := s.grouping
	if g == nil {
		b.wrong(c.Pos(), problem.InvalidQuery, "it works in SELECT, HAVING and ORDER BY of a query with GROUP BY", "%s is not allowed in %s", c.Function(), s.clause)
		return nil
	}
	if len(c.Args) == 0 || c.Function() == "GROUPING" && len(c.Args) > 1 {
		b.wrong(c.Pos(), problem.InvalidQuery, "GROUPING takes one GROUP BY expression, GROUPING_ID several", "%s with %s", c.Function(), counted(len(c.Args), "argument"))
		return nil
	}
	var list []int
	for _, arg := range c.Args {
		e := b.expr(arg, s.in(c.Function()))
		if e == nil {
			return nil
		}
		key := -1
		for i, k := range g.keys {
			if plan.EqualExprs(k, e) {
				key = i
			}
		}
		if key < 0 {
			b.wrong(arg.Pos(), problem.InvalidQuery, "add it to GROUP BY", "%s is no GROUP BY expression", plan.PrintExpr(e, nil))
			return nil
		}
		list = append(list, key)
	}
	g.idLists = append(g.idLists, list)
	g.imagined = append(g.imagined, product{groupingID: true, index: len(g.idLists) - 1})
	return &plan.Column{At: plan.At{Position: c.Pos()}, Index: g.width + len(g.imagined) - 1, Name: c.Function(), Of: value.BigIntType.Required()}
}

// aggregate makes the node, and tells the time attributes of its columns: the
// window_time of a group that belongs to one window drives event time.
func (g *grouping) aggregate(b *binder) (plan.Node, []plan.TimeAttribute) {
	keys := g.keys
	if g.columns != nil {
		keys = g.columns
	}
	a := b.attachAggregate(&plan.Aggregate{Input: g.input, Keys: keys, Calls: g.calls, Sets: g.sets, Groupings: g.idLists, TTL: g.ttl})
	a.Names = append(a.Names, g.names...)
	for i := range g.calls {
		a.Names = append(a.Names, fmt.Sprintf("call$%d", i))
	}
	times := make([]plan.TimeAttribute, len(a.Schema()))
	if source, of, kinds := plan.WindowKeys(g.input, keys, g.sets); source != nil {
		for i := range keys {
			if of[i] && kinds[i] == plan.WindowTime {
				times[i] = plan.Rowtime
				if g.input.Schema()[keys[i].(*plan.Column).Index].Time == plan.Proctime {
					times[i] = plan.Proctime
				}
			}
		}
	}
	return a, times
}

// lift moves an expression over the imagined input to one over the aggregate;
// it leaves nil alone.
func (g *grouping) lift(b *binder, e plan.Expr) plan.Expr {
	if e == nil {
		return nil
	}
	at := plan.At{Position: e.Pos()}
	for i, k := range g.keys {
		if plan.EqualExprs(k, e) {
			t := k.Type()
			for _, set := range g.sets {
				if !slices.Contains(set, i) {
					t = t.Optional()
				}
			}
			return &plan.Column{At: at, Index: i, Name: g.names[i], Of: t}
		}
	}
	if c, ok := e.(*plan.Column); ok {
		if c.Index >= overFirst {
			return c
		}
		if c.Index >= g.width {
			moved := *c
			p := g.imagined[c.Index-g.width]
			moved.Index = len(g.keys) + p.index
			if p.groupingID {
				moved.Index += len(g.calls)
			}
			return &moved
		}
		if !g.wrong {
			b.notGrouped(c)
		}
		return c
	}
	if q, ok := e.(*subquery); ok {
		return q.lifted(func(e plan.Expr) plan.Expr { return g.lift(b, e) })
	}
	parts := plan.Parts(e)
	if len(parts) == 0 {
		return e
	}
	lifted := make([]plan.Expr, len(parts))
	for i, part := range parts {
		lifted[i] = g.lift(b, part)
	}
	return b.retyped(e, lifted)
}

func (b *binder) notGrouped(c *plan.Column) {
	b.wrong(c.Pos(), problem.InvalidQuery,
		fmt.Sprintf("add %s to GROUP BY, or put it into an aggregate such as MAX(%s)", c.Name, c.Name),
		"column %s is neither grouped nor aggregated", c.Name)
}
