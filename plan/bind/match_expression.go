package bind

import (
	"fmt"
	"slices"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
	"tidemark/plan/function"
	"tidemark/sql"
)

// matchScope is what names mean inside DEFINE and MEASURES: a column is one of
// a row that the match has found, and becomes one of the node's Reads.
type matchScope struct {
	node    *plan.Match
	rows    relation
	sets    map[string]plan.VariableSet // the rows that each variable and SUBSET stands for
	defined plan.VariableSet            // the parts whose condition is bound; none in MEASURES
	// previous is what PREV looks up, of all scopes of a match.
	previous *previousRows
	final    bool // inside FINAL

	// Inside FIRST, LAST, PREV or an aggregate: how it is called, which rows it looks
	// at, and whether its argument is over the input itself.
	inside     string
	first      bool
	offset     int
	summarizes bool
	set        *plan.VariableSet // of the columns inside so far; nil outside
}

// all is every variable of the pattern.
func (m *matchScope) all() plan.VariableSet { return 1<<len(m.node.Pattern) - 1 }

// read gives the column of a lookup, which is added unless it is there.
func (m *matchScope) read(pos problem.Position, r plan.MatchRead) plan.Expr {
	for i, known := range m.node.Reads {
		if sameRead(known, r) {
			return &plan.Column{At: plan.At{Position: pos}, Index: i, Name: r.Name, Of: r.Of}
		}
	}
	m.node.Reads = append(m.node.Reads, r)
	return &plan.Column{At: plan.At{Position: pos}, Index: len(m.node.Reads) - 1, Name: r.Name, Of: r.Of}
}

func sameRead(x, y plan.MatchRead) bool {
	if x.Kind != y.Kind || x.Set != y.Set || x.Final != y.Final || !x.Of.Equal(y.Of) {
		return false
	}
	switch x.Kind {
	case plan.Navigate:
		return x.Column == y.Column && x.First == y.First && x.Offset == y.Offset
	case plan.Summarize:
		return sameCall(x.Call, y.Call)
	case plan.MatchTime, plan.Classifier:
	}
	return true
}

// matchColumn binds a column inside DEFINE or MEASURES: variable.column, or a
// column alone, which looks at the rows of all variables.
func (b *binder) matchColumn(ref *sql.ColumnRef, s *scope) plan.Expr {
	m := s.match
	set, path, qualifier := m.all(), ref.Path, ""
	if len(path) > 1 {
		if named, ok := m.sets[path[0].Text]; ok {
			set, path, qualifier = named, path[1:], path[0].Text+"."
		}
	}
	found, ok := m.rows.column(path[0])
	if !ok {
		b.unknownMatchColumn(ref, m, qualifier != "")
		return nil
	}
	if m.set != nil {
		if *m.set != 0 && *m.set != set {
			b.wrong(ref.Pos(), problem.InvalidQuery, "look each of them up on its own and combine the results", "%s looks at the rows of one variable, but its argument names several", m.inside)
			return nil
		}
		*m.set = set
	}
	e := found
	if !m.summarizes {
		e = m.navigate(found.(*plan.Column), set, qualifier)
	}
	for _, name := range path[1:] {
		if e = b.field(e, name); e == nil {
			return nil
		}
	}
	return e
}

// navigate looks a column up in a row of the match. Where there may be no such
// row it can be NULL.
func (m *matchScope) navigate(c *plan.Column, set plan.VariableSet, qualifier string) plan.Expr {
	r := plan.MatchRead{Kind: plan.Navigate, Set: set, Column: c.Index, First: m.first, Offset: m.offset, Final: m.isFinal(), Name: qualifier + c.Name, Of: c.Of}
	switch {
	case m.first && m.offset == 0:
		r.Name = fmt.Sprintf("FIRST(%s)", r.Name)
	case m.first:
		r.Name = fmt.Sprintf("FIRST(%s, %d)", r.Name, m.offset)
	case m.offset > 0:
		r.Name = fmt.Sprintf("LAST(%s, %d)", r.Name, m.offset)
	}
	if r.Final {
		r.Name = "FINAL " + r.Name
	}
	if !m.certain(set) {
		r.Of = r.Of.Optional()
	}
	return m.read(c.Pos(), r)
}

// isFinal reports whether lookups see the whole match. With one row per match
// there is nothing else to see.
func (m *matchScope) isFinal() bool { return m.final && m.node.AllRows }

// certain reports whether a match has the row that is looked up: in DEFINE the
// row in question, in MEASURES one of a variable that is not optional, unless
// only the rows so far are seen.
func (m *matchScope) certain(set plan.VariableSet) bool {
	switch {
	case m.offset > 0:
		return false
	case m.node.AllRows && m.defined == 0 && !m.isFinal():
		return set == m.all()
	}
	if m.defined != 0 {
		return set&m.defined != 0
	}
	for i, p := range m.node.Pattern {
		if set.Has(i) && p.Min > 0 {
			return true
		}
	}
	return false
}

func (b *binder) unknownMatchColumn(ref *sql.ColumnRef, m *matchScope, hasVariable bool) {
	var columns []string
	for _, c := range m.rows.columns {
		columns = append(columns, c.Name)
	}
	path := ref.Path
	switch {
	case hasVariable:
		b.wrong(path[1].Pos(), problem.UnknownColumn, didYouMean(path[1].Text, columns, "columns here are "+listed(columns)), "the matched rows have no column %s", path[1].Text)
	case len(path) > 1:
		b.wrong(ref.Pos(), problem.UnknownColumn, didYouMean(path[0].Text, variables(m.node), "variables are "+listed(variables(m.node))), "the pattern has no variable %s", path[0].Text)
	default:
		b.wrong(ref.Pos(), problem.UnknownColumn, didYouMean(path[0].Text, columns, "columns here are "+listed(columns)), "the matched rows have no column %s", path[0].Text)
	}
}

// matchUnary binds FINAL and RUNNING: what the whole match has, and what it has
// up to the row that is shown. With one row per match they are the same.
func (b *binder) matchUnary(e *sql.Unary, s *scope) plan.Expr {
	if s.match.defined != 0 {
		b.wrong(e.Pos(), problem.InvalidQuery, "remove it: a condition sees the rows up to the one in question", "%s is not allowed in DEFINE", e.Op)
		return nil
	}
	inner, match := *s, *s.match
	match.final = e.Op == sql.Final
	inner.match = &match
	return b.expr(e.Operand, &inner)
}

// matchCall binds the functions that only MATCH_RECOGNIZE has, and aggregates;
// mine is false for all others.
func (b *binder) matchCall(c *sql.Call, s *scope) (bound plan.Expr, mine bool) {
	switch name := c.Function(); name {
	case "FIRST", "LAST":
		return b.navigation(c, s), true
	case "PREV":
		return b.previous(c, s), true
	case "NEXT":
		b.unsupported(c.Pos(), name, "give the next row a variable of its own: PATTERN (A B), and look at B")
		return nil, true
	case "CLASSIFIER":
		return b.classifier(c, s), true
	case "MATCH_NUMBER":
		b.unsupported(c.Pos(), name, "the time of the match, MATCH_ROWTIME(), tells matches apart")
		return nil, true
	case "MATCH_ROWTIME":
		return b.matchTime(c, s), true
	case "MATCH_PROCTIME":
		if s.match.defined != 0 || len(c.Args) > 0 {
			b.wrong(c.Pos(), problem.InvalidQuery, "write MATCH_PROCTIME() in MEASURES", "MATCH_PROCTIME is a measure without arguments")
			return nil, true
		}
		return b.operator(c.Pos(), "PROCTIME", []plan.Expr{}), true
	default:
		f, ok := function.Lookup(name)
		if _, defined := b.catalog.Function(name); !ok || defined || !f.Aggregate || len(c.Name) > 1 || c.Over != nil {
			return nil, false
		}
		return b.matchAggregate(c, f, s), true
	}
}

// nested reports a problem when the scope is inside FIRST, LAST or an aggregate
// already.
func (b *binder) nested(c *sql.Call, s *scope) bool {
	if s.match.set == nil {
		return false
	}
	b.wrong(c.Pos(), problem.InvalidQuery, "use one of them", "%s cannot stand inside %s", c.Function(), s.match.inside)
	return true
}

// within is the scope of the argument of a call that looks at the rows of one
// variable.
func (s *scope) within(c *sql.Call) (*scope, *matchScope) {
	inner, match := *s, *s.match
	match.inside, match.set = c.Function(), new(plan.VariableSet)
	inner.match = &match
	return &inner, &match
}

// navigation binds FIRST and LAST.
func (b *binder) navigation(c *sql.Call, s *scope) plan.Expr {
	if b.nested(c, s) {
		return nil
	}
	name := c.Function()
	if len(c.Args) < 1 || len(c.Args) > 2 {
		b.wrong(c.Pos(), problem.InvalidQuery, fmt.Sprintf("write %s(variable.column) or %s(variable.column, 1)", name, name), "%s with %s", name, counted(len(c.Args), "argument"))
		return nil
	}
	inner, match := s.within(c)
	match.first = name == "FIRST"
	if len(c.Args) == 2 {
		offset := b.lookBack(c.Args[1], name)
		if offset < 0 {
			return nil
		}
		match.offset = int(offset)
	}
	return b.expr(c.Args[0], inner)
}

// matchTime binds MATCH_ROWTIME: the event time at which the match is known.
func (b *binder) matchTime(c *sql.Call, s *scope) plan.Expr {
	m := s.match
	column := m.rows.columns[m.node.TimeColumn()]
	if m.defined != 0 || m.set != nil || len(c.Args) > 1 {
		b.wrong(c.Pos(), problem.InvalidQuery, "write MATCH_ROWTIME() in MEASURES", "MATCH_ROWTIME is a measure of its own")
		return nil
	}
	of := value.Type{Kind: column.Type.Kind, Precision: 3, NotNull: true}
	if len(c.Args) == 1 {
		ref, isColumn := c.Args[0].(*sql.ColumnRef)
		if !isColumn || ref.Path.Last().Text != column.Name {
			b.wrong(c.Args[0].Pos(), problem.InvalidQuery, "write MATCH_ROWTIME("+column.Name+")", "MATCH_ROWTIME takes the column that the match is ordered by")
			return nil
		}
		of.NotNull = column.Type.NotNull
	}
	if column.Time == plan.Proctime {
		b.wrong(c.Pos(), problem.InvalidQuery, "use MATCH_PROCTIME()", "a match ordered by processing time has no MATCH_ROWTIME")
		return nil
	}
	return m.read(c.Pos(), plan.MatchRead{Kind: plan.MatchTime, Name: "MATCH_ROWTIME()", Of: of})
}

// classifier binds CLASSIFIER(): the variable that a row stands for.
func (b *binder) classifier(c *sql.Call, s *scope) plan.Expr {
	m := s.match
	if m.defined != 0 || m.set != nil || len(c.Args) > 0 {
		b.wrong(c.Pos(), problem.InvalidQuery, "write CLASSIFIER() in MEASURES", "CLASSIFIER is a measure of its own")
		return nil
	}
	return m.read(c.Pos(), plan.MatchRead{Kind: plan.Classifier, Final: m.isFinal(), Name: "CLASSIFIER()", Of: value.StringType.Required()})
}

// matchAggregate binds an aggregate of the rows of one variable, or of all. In
// DEFINE it counts the row in question.
func (b *binder) matchAggregate(c *sql.Call, f *plan.Function, s *scope) plan.Expr {
	b.bound.Calls[c] = f
	if b.nested(c, s) || !b.plainCall(c, f) {
		return nil
	}
	if c.Filter != nil {
		b.unsupported(c.Filter.Pos(), "FILTER in MATCH_RECOGNIZE", "aggregate a CASE: SUM(CASE WHEN … THEN … END)")
		return nil
	}
	inner, match := s.within(c)
	match.summarizes = true
	call := plan.AggregateCall{Function: f, Distinct: c.Distinct}
	if !countsRows(c, f) {
		if call.Args = b.arguments(c, inner); call.Args == nil && len(c.Args) > 0 {
			return nil
		}
	}
	if *match.set == 0 {
		*match.set = match.all()
	}
	if !b.settled(c.Pos(), &call, true) {
		return nil
	}
	return match.read(c.Pos(), plan.MatchRead{Kind: plan.Summarize, Set: *match.set, Call: call, Final: match.isFinal(), Name: match.nameOf(call), Of: call.Overload.Result})
}

// nameOf prints a call with its variable.
func (m *matchScope) nameOf(call plan.AggregateCall) string {
	return m.ofVariables(plan.PrintCall(call, nil))
}

// ofVariables says of a lookup which variables' rows it sees.
func (m *matchScope) ofVariables(name string) string {
	if m.isFinal() {
		name = "FINAL " + name
	}
	if *m.set == m.all() {
		return name
	}
	var of []string
	for i, p := range m.node.Pattern {
		if m.set.Has(i) && !slices.Contains(of, p.Variable) {
			of = append(of, p.Variable)
		}
	}
	return name + " of " + listed(of)
}
