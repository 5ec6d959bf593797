package bind

import (
	"strings"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
	"tidemark/sql"
)

// scope is what names mean while an expression is bound.
type scope struct {
	outer     *scope // the query around this one, whose columns a subquery may use
	level     *level // of this query's row; nil where there can be no subqueries
	relations []relation
	clause    string               // what is being bound, for messages: "WHERE"
	grouping  *grouping            // collects aggregate calls; nil where they are not allowed
	aliases   map[string]plan.Expr // names that stand for expressions: parameters, select items in ORDER BY
	over      *overing             // collects calls with OVER; nil where they are not allowed
	match     *matchScope          // inside DEFINE and MEASURES: rows are those of a match
	selected  []*sql.SelectItem    // the select list, whose names only ORDER BY can use
}

// relation is a FROM item: a run of columns of the input under one name. Or it
// is the columns that USING or NATURAL makes of those of two items.
type relation struct {
	name    string // "" for a subquery without alias
	path    sql.Path
	columns plan.Schema
	first   int         // index of the first column in the input
	hidden  []string    // columns that only a name with the table in front means
	merged  []plan.Expr // what the columns are, over the input; nil where they are a run of it
}

// in is the same scope for another clause, without aggregates and OVER.
func (s *scope) in(clause string) *scope {
	c := *s
	c.clause, c.grouping, c.over = clause, nil, nil
	return &c
}

// timed gives the columns the time attributes that they have in node: where a
// condition bounds the times of a join, they stay attributes.
func (s *scope) timed(node plan.Node) {
	times := timesOf(node)
	relations := append([]relation(nil), s.relations...)
	for i, r := range relations {
		if r.merged != nil {
			continue
		}
		relations[i].columns = append(plan.Schema(nil), r.columns...)
		for c := range r.columns {
			relations[i].columns[c].Time = times[r.first+c]
		}
	}
	s.relations = relations
}

// schema is the input's columns.
func (s *scope) schema() plan.Schema {
	var all plan.Schema
	for _, r := range s.relations {
		if r.merged == nil {
			all = append(all, r.columns...)
		}
	}
	return all
}

// names lists what could have been meant, for hints.
func (s *scope) names() []string {
	var all []string
	for name := range s.aliases {
		all = append(all, name)
	}
	for _, r := range s.relations {
		for _, c := range r.columns {
			all = append(all, c.Name)
		}
	}
	return all
}

// match is a column that a path leads to; rest are the names left over, fields
// of the column.
type match struct {
	expr      plan.Expr
	column    string
	qualifier int
	rest      sql.Path
}

// find collects everything that the path can mean: columns of this name, or of
// a relation of this name.
func (s *scope) find(path sql.Path) []match {
	var found []match
	if e, ok := s.aliases[path[0].Text]; ok {
		return []match{{expr: e, column: path[0].Text, rest: path[1:]}}
	}
	for _, r := range s.relations {
		if n := r.qualifies(path); n > 0 && len(path) > n {
			if e, ok := r.column(path[n]); ok {
				found = append(found, match{expr: e, column: path[n].Text, qualifier: n, rest: path[n+1:]})
			}
		}
	}
	if len(found) > 0 {
		return found
	}
	for _, e := range visible(s.relations, path[0]) {
		found = append(found, match{expr: e, column: path[0].Text, rest: path[1:]})
	}
	return found
}

// qualifies tells how many names at the start of path name the relation: its
// alias, or its table with any number of qualifiers.
func (r *relation) qualifies(path sql.Path) int {
	if r.name != "" && path[0].Text == r.name {
		return 1
	}
	n := len(r.path)
	if n > 1 && len(path) > n && path[:n].String() == r.path.String() {
		return n
	}
	return 0
}

func (r *relation) column(name sql.Name) (plan.Expr, bool) {
	for i, c := range r.columns {
		if c.Name != name.Text {
			continue
		}
		if r.merged != nil {
			return r.merged[i], true
		}
		return &plan.Column{At: plan.At{Position: name.Pos()}, Index: r.first + i, Name: c.Name, Of: c.Type}, true
	}
	return nil, false
}

// columnRef binds a name.
func (b *binder) columnRef(ref *sql.ColumnRef, s *scope) plan.Expr {
	if s.match != nil {
		return b.matchColumn(ref, s)
	}
	found := s.find(ref.Path)
	switch {
	case len(found) == 1:
	case len(found) > 1:
		b.wrong(ref.Pos(), problem.Ambiguous, "write the table in front of it: "+b.qualifiedChoices(ref.Path, s),
			"column %s is in several tables of FROM", ref.Path)
		return nil
	case len(ref.Path) == 1 && !ref.Path[0].Quoted && strings.EqualFold(ref.Path[0].Text, "PI"):
		return b.operator(ref.Pos(), "PI", []plan.Expr{}) // the one function that may leave its () away
	default:
		var of *level
		if found, of = b.correlatedName(ref, s); found == nil {
			return nil
		}
		found[0].expr = outer(of, found[0].expr)
	}
	m := found[0]
	b.bound.Columns[ref] = Resolved{Table: m.qualifier, Column: m.column}
	e := m.expr
	for _, name := range m.rest {
		if e = b.field(e, name); e == nil {
			return nil
		}
	}
	return e
}

func (b *binder) qualifiedChoices(path sql.Path, s *scope) string {
	var choices []string
	for _, r := range s.relations {
		if _, ok := r.column(path[0]); ok && r.name != "" {
			choices = append(choices, r.name+"."+path[0].Text)
		}
	}
	return listed(choices)
}

func (b *binder) unknownColumn(ref *sql.ColumnRef, s *scope) {
	name := ref.Path.String()
	if len(ref.Path) > 1 {
		if r := s.relation(ref.Path[0].Text); r != nil {
			var columns []string
			for _, c := range r.columns {
				columns = append(columns, c.Name)
			}
			b.wrong(ref.Path[1].Pos(), problem.UnknownColumn, didYouMean(ref.Path[1].Text, columns, "columns of "+r.name+" are "+listed(columns)),
				"table %s has no column %s", r.name, ref.Path[1].Text)
			return
		}
		otherwise := "add the table to FROM; a subquery in FROM sees the tables before it with LATERAL only"
		if names := s.relationNames(); len(names) > 0 {
			otherwise = "tables here are " + listed(names)
		}
		b.wrong(ref.Pos(), problem.UnknownColumn, didYouMean(ref.Path[0].Text, s.relationNames(), otherwise), "no table or column %s here", ref.Path[0].Text)
		return
	}
	for _, it := range s.selected {
		if it.Alias != nil && it.Alias.Text == name {
			b.wrong(ref.Pos(), problem.UnknownColumn, "repeat the expression, or put the SELECT into a subquery and use the name outside",
				"%s is a name of the select list, which %s cannot use", name, s.clause)
			return
		}
	}
	hint := "there are no columns without FROM; a text is written 'in single quotes'"
	if names := s.names(); len(names) > 0 {
		hint = didYouMean(name, names, "columns here are "+listed(names))
	}
	b.wrong(ref.Pos(), problem.UnknownColumn, hint, "no column %s here", name)
}

func (s *scope) relation(name string) *relation {
	for i := range s.relations {
		if s.relations[i].name == name {
			return &s.relations[i]
		}
	}
	return nil
}

func (s *scope) relationNames() []string {
	var names []string
	for _, r := range s.relations {
		if r.name != "" {
			names = append(names, r.name)
		}
	}
	return names
}

// field takes a field out of a ROW.
func (b *binder) field(e plan.Expr, name sql.Name) plan.Expr {
	t := e.Type()
	if t.Kind != value.Row {
		b.wrong(name.Pos(), problem.TypeMismatch, "only a ROW has fields", "%s has no field %s: it is %s", plan.PrintExpr(e, nil), name.Text, t.Optional())
		return nil
	}
	var names []string
	for i, f := range t.Fields {
		if f.Name == name.Text {
			return &plan.Field{At: plan.At{Position: e.Pos()}, Input: e, Index: i, Of: f.Type.WithNullability(t.NotNull && f.Type.NotNull)}
		}
		names = append(names, f.Name)
	}
	b.wrong(name.Pos(), problem.UnknownColumn, didYouMean(name.Text, names, "its fields are "+listed(names)),
		"%s has no field %s", plan.PrintExpr(e, nil), name.Text)
	return nil
}

// with is the same scope for another clause, aggregates and all.
func (s *scope) with(clause string) *scope {
	c := *s
	c.clause = clause
	return &c
}
