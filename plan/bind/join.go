package bind

import (
	"slices"
	"time"

	"tidemark/base/problem"
	"tidemark/plan"
	"tidemark/sql"
)

// rows are what FROM gives, or an input of a join: a plan, and what names mean
// over its columns. The plan is nil after a problem was reported.
type rows struct {
	node      plan.Node
	relations []relation
}

// joinKinds are the kinds of a join in the text. A comma is a cross join, and
// that is an inner join on nothing.
var joinKinds = map[sql.JoinKind]plan.JoinKind{
	sql.InnerJoin: plan.InnerJoin, sql.CrossJoin: plan.InnerJoin, sql.CommaJoin: plan.InnerJoin,
	sql.LeftJoin: plan.LeftJoin, sql.RightJoin: plan.RightJoin, sql.FullJoin: plan.FullJoin,
}

// rows binds a FROM item, joins and all.
func (b *binder) rows(rel sql.Relation, outer *scope) rows {
	if j, ok := rel.(*sql.Join); ok {
		return b.join(j, outer)
	}
	node, r := b.relation(rel, outer)
	if node == nil {
		return rows{}
	}
	return rows{node: node, relations: []relation{r}}
}

// join binds a join of any kind. What stands on its right may look at the
// columns of the left: UNNEST, LATERAL, and a table as of a time.
func (b *binder) join(j *sql.Join, outer *scope) rows {
	j = dependentLast(j)
	left := b.rows(j.Left, outer)
	switch right := j.Right.(type) {
	case *sql.Unnest:
		return b.unnestJoin(j, right, left, outer)
	case *sql.Derived:
		if right.Lateral {
			return b.lateral(j, right, left, outer)
		}
	case *sql.TableRef:
		if right.SystemTime != nil {
			return b.asOfJoin(j, right, left, outer)
		}
	case *sql.TableFunction, *sql.Join, *sql.Aliased, *sql.MatchRecognize:
	}
	right := b.rows(j.Right, outer)
	if left.node == nil || right.node == nil || !b.distinctNames(j, left, right) {
		return rows{}
	}
	on, ok := b.joinCondition(j, left, right, outer)
	if !ok {
		return rows{}
	}
	kind := joinKinds[j.Kind]
	joined := b.attachJoin(kind, left.node, right.node, on.conditions, [2]time.Duration{b.lives.of(left.relations), b.lives.of(right.relations)})
	if joined == nil {
		return rows{}
	}
	return b.joined(j, kind, left, right, joined, on)
}

// dependentLast turns a, (b CROSS JOIN UNNEST(a.tags)), as commas bind, into (a,
// b) CROSS JOIN UNNEST(a.tags): what depends on other items may depend on all
// that stand before it.
func dependentLast(j *sql.Join) *sql.Join {
	right, ok := j.Right.(*sql.Join)
	if !ok || j.Kind != sql.CommaJoin || !dependent(right.Right) || right.Kind == sql.RightJoin || right.Kind == sql.FullJoin {
		return j
	}
	turned, first := *right, *j
	first.Right = right.Left
	turned.Left = dependentLast(&first)
	return &turned
}

// dependent reports whether a FROM item can look at what stands before it.
func dependent(rel sql.Relation) bool {
	switch rel := rel.(type) {
	case *sql.Unnest:
		return true
	case *sql.Derived:
		return rel.Lateral
	case *sql.TableRef:
		return rel.SystemTime != nil
	}
	return false
}

// distinctNames reports whether no name stands for two tables, and a problem
// when one does.
func (b *binder) distinctNames(j *sql.Join, left, right rows) bool {
	names := map[string]bool{}
	for _, r := range left.relations {
		names[r.name] = r.name != ""
	}
	for _, r := range right.relations {
		if names[r.name] {
			b.wrong(namePosition(j.Right), problem.Ambiguous, "give one of them another name: "+r.name+" AS "+r.name+"2", "two tables of FROM are called %s", r.name)
			return false
		}
	}
	return true
}

// namePosition is where a FROM item gets its name.
func namePosition(rel sql.Relation) problem.Position {
	var alias *sql.Alias
	switch rel := rel.(type) {
	case *sql.TableRef:
		alias = rel.Alias
	case *sql.Derived:
		alias = rel.Alias
	case *sql.TableFunction:
		alias = rel.Alias
	case *sql.Aliased:
		alias = rel.Alias
	case *sql.Unnest:
		alias = rel.Alias
	case *sql.MatchRecognize:
		alias = rel.Alias
	case *sql.Join:
	}
	if alias == nil {
		return rel.Pos()
	}
	return alias.Name.Pos()
}

// joinOn is the condition of a join while it is bound.
type joinOn struct {
	conditions []plan.Expr // over the left's columns, then the right's
	common     []string    // the columns of USING and NATURAL
}

// joinCondition binds ON, USING, or what NATURAL means.
func (b *binder) joinCondition(j *sql.Join, left, right rows, outer *scope) (on joinOn, ok bool) {
	switch {
	case j.Natural:
		for _, name := range visibleNames(left.relations) {
			if isVisible(right.relations, name) {
				on.common = append(on.common, name)
			}
		}
		return on, b.equalColumns(&on, j.Right.Pos(), nil, left, right)
	case len(j.Using) > 0:
		for _, name := range j.Using {
			on.common = append(on.common, name.Text)
		}
		return on, b.equalColumns(&on, j.Right.Pos(), j.Using, left, right)
	case j.On == nil:
		return on, true
	}
	s := &scope{outer: outer, level: &level{}, relations: sideBySide(left, right), clause: "ON"}
	condition := b.condition(j.On, s, "ON")
	if condition == nil {
		return on, false
	}
	on.conditions = plan.Conjuncts(condition)
	return on, true
}

// sideBySide are the relations of both sides over the columns of a join.
func sideBySide(left, right rows) []relation {
	both := append([]relation(nil), left.relations...)
	width := len(left.node.Schema())
	for _, r := range right.relations {
		both = append(both, r.moved(width))
	}
	return both
}

// joined is the result of a join: the relations of both sides, nullable where
// the join pads them, with a column in place of two for each common one.
func (b *binder) joined(j *sql.Join, kind plan.JoinKind, left, right rows, node plan.Node, on joinOn) rows {
	s := node.Schema()
	relations := sideBySide(left, right)
	for i := range relations {
		relations[i] = b.over(relations[i], s)
	}
	if len(on.common) > 0 {
		merged := b.merged(j, kind, on.common, relations[:len(left.relations)], relations[len(left.relations):])
		relations = append([]relation{merged}, relations...)
	}
	return rows{node: node, relations: relations}
}

// flattened is rows as one relation without a name, with the columns that *
// shows.
func flattened(r rows) (plan.Node, relation) {
	if r.node == nil {
		return nil, relation{}
	}
	if len(r.relations) == 1 {
		return r.node, r.relations[0]
	}
	p := &plan.Project{Input: r.node}
	times := timesOf(r.node)
	var names []string
	for _, shown := range shownColumns(r.relations, problem.Position{}) {
		p.Exprs, p.Times = append(p.Exprs, shown.expr), append(p.Times, timeOf(shown.expr, times))
		names = append(names, shown.name)
	}
	p.Names = uniqueNames(names)
	return p, relation{columns: p.Schema()}
}

// shownColumns are the columns that * at pos stands for.
func shownColumns(relations []relation, pos problem.Position) []item {
	var items []item
	for i := range relations {
		r := &relations[i]
		for c, column := range r.columns {
			if slices.Contains(r.hidden, column.Name) {
				continue
			}
			var e plan.Expr = &plan.Column{At: plan.At{Position: pos}, Index: r.first + c, Name: column.Name, Of: column.Type}
			if r.merged != nil {
				e = r.merged[c]
			}
			items = append(items, item{expr: e, name: column.Name, at: pos})
		}
	}
	return items
}
