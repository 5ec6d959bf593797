package bind

import (
	"tidemark/base/problem"
	"tidemark/plan"
	"tidemark/sql"
)

// lateral binds a join with LATERAL (query): the query is asked for every row of
// the left. Left rows that it has no rows for are not in the result, unless of a
// LEFT JOIN; a query that always has a row, such as SELECT COUNT(*), has one for
// left rows without a match too.
func (b *binder) lateral(j *sql.Join, right *sql.Derived, left rows, around *scope) rows {
	kind := joinKinds[j.Kind]
	switch {
	case kind.KeepsRight():
		b.wrong(j.Right.Pos(), problem.InvalidQuery, "write CROSS JOIN LATERAL (…), or LEFT JOIN LATERAL (…) ON TRUE to keep rows that it has nothing for",
			"%s with LATERAL has no meaning: its rows belong to a row of the left", j.Kind)
		return rows{}
	case j.Natural || len(j.Using) > 0:
		b.unsupported(j.Right.Pos(), "LATERAL with USING or NATURAL", "write ON and a condition")
		return rows{}
	}
	s := &scope{outer: around, level: &level{}, relations: left.relations, clause: "LATERAL"}
	node := b.table(right.Query, s)
	node, relation := b.named(node, "", nil, right.Alias)
	if left.node == nil || node == nil {
		return rows{}
	}
	queried := rows{node: node, relations: append(left.relations[:0:0], relation)}
	if !b.distinctNames(j, left, queried) {
		return rows{}
	}
	on, ok := b.joinCondition(j, left, queried, around)
	if !ok {
		return rows{}
	}
	d := &decorrelation{binder: b, of: s.level, outer: left.node, taken: outerColumns(node, s.level)}
	joined := Join(kind, left.node, node, on.conditions)
	if len(d.taken) > 0 {
		if joined, ok = d.joinRows(kind, node, on.conditions); !ok {
			return rows{}
		}
	}
	return b.joined(j, kind, left, queried, joined, on)
}

// joinRows pairs each outer row with the rows that the subquery has for it.
func (d *decorrelation) joinRows(kind plan.JoinKind, subquery plan.Node, on []plan.Expr) (plan.Node, bool) {
	f, ok := d.free(subquery)
	if !ok {
		return nil, false
	}
	outer := d.outer.Schema()
	width := len(outer)
	if f.always {
		joined := Join(plan.LeftJoin, d.outer, f.node, d.beside(f.conditions))
		padded := append(columnsOf(outer, 0), columnsOf(joined.Schema()[width:], width)...)
		outs := d.substitute(d.beside(f.outs), padded)
		conditions := append(d.substitute(d.beside(f.having), padded), d.substitute(on, append(columnsOf(outer, 0), outs...))...)
		if len(conditions) > 0 && kind == plan.LeftJoin {
			for i := range outs {
				outs[i] = d.onlyIf(Conjunction(conditions), outs[i])
			}
			conditions = nil
		}
		return withComputed(Where(joined, conditions), outs, subquery.Schema(), width), true
	}
	if d.anyRefers(f.outs) {
		f = d.ground(f)
	}
	f = d.laid(f)
	joined := Join(kind, d.outer, f.node, append(d.beside(f.conditions), on...))
	return firstColumns(joined, width+len(f.outs)), true
}

// withComputed is the first width columns of node, and behind them computed ones
// with the names of a schema.
func withComputed(node plan.Node, computed []plan.Expr, names plan.Schema, width int) plan.Node {
	times := timesOf(node)
	p := plan.PickFirst(node, width)
	for i, e := range computed {
		p.Add(e, names[i].Name, timeOf(e, times))
	}
	return p
}
