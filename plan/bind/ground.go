package bind

import (
	"slices"

	"tidemark/base/problem"
	"tidemark/plan"
)

// domain is the different values that the outer rows have, and maybe more: those
// of rows that another subquery of the same operator has sorted out.
func (d *decorrelation) domain() plan.Node {
	source := d.outer
	if d.base != nil {
		width := len(d.base.Schema())
		within := func(o *outerColumn) bool { return plan.UsesOnly(o.expr, func(i int) bool { return i < width }) }
		if !slices.ContainsFunc(d.taken, func(o *outerColumn) bool { return !within(o) }) {
			source = d.base
		}
	}
	if d.domains++; d.domains > domainsMax {
		// A problem was found; what goes on is kept small.
		d.wrong(d.taken[0].Pos(), problem.TooLarge, "join the tables in FROM", "more than %d parts of this query have to be computed for each row around them", domainsMax)
		source = &plan.Values{Columns: source.Schema()}
	}
	p := &plan.Project{Input: source, Times: make([]plan.TimeAttribute, len(d.taken))}
	var names []string
	for _, o := range d.taken {
		p.Exprs = append(p.Exprs, o.expr)
		names = append(names, nameOf(o.expr, "outer"))
	}
	p.Names = uniqueNames(names)
	return distinct(p)
}

// ground joins with the domain. All conditions are ties to the domain's columns
// then, in its order, and no output refers to the outer row.
func (d *decorrelation) ground(f freed) freed {
	domain := d.domain()
	s := domain.Schema()
	width, first := len(f.node.Schema()), len(f.node.Schema())
	kind, left, right := plan.InnerJoin, f.node, domain
	if f.always {
		kind, left, right, first = plan.LeftJoin, domain, f.node, 0
	}
	here := func(e plan.Expr) plan.Expr {
		if f.always {
			e = plan.Shift(e, len(s))
		}
		return mapOuter(e, d.of, func(o *outerColumn) plan.Expr {
			i := d.place(o)
			return &plan.Column{At: o.At, Index: first + i, Name: s[i].Name, Of: s[i].Type}
		})
	}
	out := freed{outs: make([]plan.Expr, len(f.outs))}
	for i, e := range f.outs {
		out.outs[i] = here(e)
	}
	conditions := make([]plan.Expr, len(f.conditions))
	for i, c := range f.conditions {
		conditions[i] = here(c)
	}
	if width == 0 && len(conditions) == 0 {
		out.node = domain
	} else {
		out.node = Join(kind, left, right, conditions)
	}
	having := make([]plan.Expr, len(f.having))
	for i, c := range f.having {
		having[i] = here(c)
	}
	out.node = Where(out.node, having)
	for i, o := range d.taken {
		out.conditions = append(out.conditions, same(outputColumn(out.node.Schema(), first+i, o.Pos()), o))
	}
	return out
}

// laid computes the output, which does not refer to the outer row, in the first
// columns of a node. Its conditions are those of before; with ties, what they
// compare are the columns behind, one each.
func (d *decorrelation) laid(f freed) freed {
	p := &plan.Project{Input: f.node}
	var names []string
	add := func(e plan.Expr, name string) *plan.Column {
		p.Exprs, names = append(p.Exprs, e), append(names, nameOf(e, name))
		p.Times = append(p.Times, timeOf(e, timesOf(f.node)))
		return &plan.Column{At: plan.At{Position: e.Pos()}, Index: len(p.Exprs) - 1, Name: names[len(names)-1], Of: e.Type()}
	}
	out := freed{node: p}
	for _, e := range f.outs {
		out.outs = append(out.outs, add(e, "value"))
	}
	if d.tied(f) {
		for _, t := range d.ties(f) {
			out.conditions = append(out.conditions, equal(add(t.inner, "tie"), t.outer, t.nullSafe))
		}
	} else {
		for i, e := range columnsOf(f.node.Schema(), 0) {
			add(e, f.node.Schema()[i].Name)
		}
		for _, c := range f.conditions {
			out.conditions = append(out.conditions, plan.Shift(c, len(f.outs)))
		}
	}
	p.Names = uniqueNames(names)
	return out
}

// atDomain replaces the outer row's values by the columns of the domain that a
// grounded plan has beside its rows.
func (d *decorrelation) atDomain(exprs []plan.Expr, grounded freed) []plan.Expr {
	moved := slices.Clone(exprs)
	for i, e := range exprs {
		moved[i] = mapOuter(e, d.of, func(o *outerColumn) plan.Expr { return d.ties(grounded)[d.place(o)].inner })
	}
	return moved
}

// place is the column of the domain that has the value.
func (d *decorrelation) place(o *outerColumn) int {
	return slices.IndexFunc(d.taken, func(known *outerColumn) bool { return plan.EqualExprs(known.expr, o.expr) })
}

// tied reports whether all conditions are ties.
func (d *decorrelation) tied(f freed) bool {
	for _, c := range f.conditions {
		if _, ok := d.tieOf(c); !ok {
			return false
		}
	}
	return true
}

func (d *decorrelation) ties(f freed) []tie {
	var all []tie
	for _, c := range f.conditions {
		t, _ := d.tieOf(c)
		all = append(all, t)
	}
	return all
}

// tieOf takes an equality apart.
func (d *decorrelation) tieOf(condition plan.Expr) (tie, bool) {
	c, ok := condition.(*plan.Call)
	if !ok || c.Function.Name != "=" && c.Function.Name != "IS NOT DISTINCT FROM" {
		return tie{}, false
	}
	t := tie{inner: c.Args[0], outer: c.Args[1], nullSafe: c.Function.Name != "="}
	if !hasColumns(t.inner) {
		t.inner, t.outer = t.outer, t.inner
	}
	if !hasColumns(t.inner) || refersTo(t.inner, d.of) || hasColumns(t.outer) || !plan.Deterministic(condition) {
		return tie{}, false
	}
	return t, true
}

// tie is a condition by which rows are grouped: a column-free value of the outer
// row that an expression over the node is to be equal to.
type tie struct {
	inner, outer plan.Expr
	nullSafe     bool
}

func (d *decorrelation) anyRefers(exprs []plan.Expr) bool {
	return slices.ContainsFunc(exprs, func(e plan.Expr) bool { return refersTo(e, d.of) })
}
