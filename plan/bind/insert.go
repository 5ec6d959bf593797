package bind

import (
	"fmt"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
	"tidemark/sql"
)

// Insert binds INSERT INTO: a plan whose columns are those that are written
// (plan.Table.Written) in their order, with the types of the target. A NULL for
// a NOT NULL column is found when the row is written.
func Insert(catalog Catalog, session Session, i *sql.Insert) (plan.Node, *plan.Table, error) {
	b := newBinder(catalog, session)
	node, target := b.insert(i)
	if err := b.problems(); err != nil {
		return nil, nil, err
	}
	return node, target, nil
}

func (b *binder) insert(i *sql.Insert) (plan.Node, *plan.Table) {
	if i.Overwrite {
		b.unsupported(i.Pos(), "INSERT OVERWRITE", "INSERT INTO adds the rows; a materialized table replaces its own")
	}
	node := b.keptFor(b.query(i.Query, nil))
	target, ok := findTable(b.catalog, i.Table)
	if !ok {
		b.unknownTable(i.Table)
		return nil, nil
	}
	target = b.hinted(target, i.Hints)
	switch target.Kind {
	case plan.View, plan.System:
		b.wrong(i.Table.Pos(), problem.InvalidQuery, "insert into a table", "%s is a %s and cannot be written", target.Name, target.Kind)
		return nil, nil
	case plan.Materialized:
		b.wrong(i.Table.Pos(), problem.InvalidQuery, "insert into the tables it is made of, or change its query with ALTER MATERIALIZED TABLE "+target.Name+" AS …",
			"%s is kept up to date by its query and cannot be written", target.Name)
		return nil, nil
	case plan.Native, plan.External:
	}
	sources, constants := b.insertColumns(i, target)
	if node == nil || sources == nil {
		return nil, nil
	}
	return b.assign(i, node, target, sources, constants), target
}

// insertColumns gives the target's column for each column of the query, and
// the constants of PARTITION (…) by column.
func (b *binder) insertColumns(i *sql.Insert, target *plan.Table) (columns []int, constants map[int]plan.Expr) {
	written := map[int]bool{}
	var names []string
	for _, at := range target.Written() {
		written[at] = true
		names = append(names, target.Columns[at].Name)
	}
	find := func(name sql.Name) int {
		at := target.Column(name.Text)
		switch {
		case at < 0:
			b.wrong(name.Pos(), problem.UnknownColumn, didYouMean(name.Text, names, "its columns are "+listed(names)), "table %s has no column %s", target.Name, name.Text)
		case !written[at]:
			b.wrong(name.Pos(), problem.InvalidQuery, "leave it out", "%s is computed and cannot be written", name.Text)
			at = -1
		}
		return at
	}
	before := len(b.found)
	constants = map[int]plan.Expr{}
	for _, p := range i.Partition {
		at := find(p.Column)
		if at < 0 || p.Value == nil {
			continue
		}
		if e := b.expr(p.Value, &scope{clause: "PARTITION"}); e != nil {
			constants[at] = e
		}
	}
	taken := map[int]bool{}
	for _, path := range i.Columns {
		if len(path) > 1 {
			b.unsupported(path.Pos(), "writing a field of a ROW column", "write the whole ROW")
			continue
		}
		at := find(path[0])
		if at >= 0 && taken[at] {
			b.wrong(path.Pos(), problem.InvalidQuery, "remove one", "column %s is written twice", path)
		}
		taken[at] = true
		columns = append(columns, at)
	}
	if len(b.found) > before {
		return nil, nil
	}
	if i.Columns == nil {
		columns = []int{}
		for _, at := range target.Written() {
			if constants[at] == nil {
				columns = append(columns, at)
			}
		}
	}
	return columns, constants
}

// assign casts the query's columns to the target's and puts them in order.
func (b *binder) assign(i *sql.Insert, node plan.Node, target *plan.Table, columns []int, constants map[int]plan.Expr) plan.Node {
	s := node.Schema()
	if len(s) != len(columns) {
		b.wrong(i.Query.Pos(), problem.InvalidQuery, fmt.Sprintf("select %s, or list the columns that are written: INSERT INTO %s (…)", counted(len(columns), "column"), target.Name),
			"the query has %s, but %d of table %s are written", counted(len(s), "column"), len(columns), target.Name)
		return nil
	}
	from := map[int]int{}
	for n, at := range columns {
		from[at] = n
	}
	p := &plan.Project{Input: node}
	for _, at := range target.Written() {
		c := target.Columns[at]
		e := constants[at]
		pos := i.Table.Pos()
		if n, ok := from[at]; ok {
			pos = itemPosition(i.Query.Body, n)
			e = outputColumn(s, n, pos)
		}
		if e == nil {
			e = &plan.Literal{Value: value.NullOf(c.Type)}
			if c.Type.NotNull {
				b.wrong(pos, problem.InvalidQuery, "write it too", "column %s is NOT NULL and gets no value", c.Name)
			}
		}
		if !assignable(e.Type(), c.Type) {
			b.wrong(pos, problem.TypeMismatch, fmt.Sprintf("write CAST(… AS %s)", c.Type.Optional()),
				"column %s of %s is %s, but the query gives %s", c.Name, target.Name, c.Type.Optional(), e.Type().Optional())
			continue
		}
		e = b.implicit(e, c.Type)
		p.Exprs, p.Names = append(p.Exprs, e), append(p.Names, c.Name)
		p.Times = append(p.Times, timeOf(e, timesOf(node)))
	}
	if len(p.Exprs) == len(s) && isIdentity(p) {
		return node
	}
	return p
}

// isIdentity reports whether a projection passes on its input as it is.
func isIdentity(p *plan.Project) bool {
	in := p.Input.Schema()
	if len(in) != len(p.Exprs) {
		return false
	}
	for i, e := range p.Exprs {
		if c, ok := e.(*plan.Column); !ok || c.Index != i || p.Names[i] != in[i].Name {
			return false
		}
	}
	return true
}

// itemPosition is where column n of a query comes from, as far as can be told.
func itemPosition(q sql.QueryBody, n int) problem.Position {
	sel, ok := q.(*sql.Select)
	if !ok || n >= len(sel.Items) {
		return q.Pos()
	}
	for _, it := range sel.Items {
		if _, star := it.Expr.(*sql.Star); star {
			return q.Pos()
		}
	}
	return sel.Items[n].Pos()
}

// assignable reports whether values of a type go into a column of another
// without a cast being written: nothing may be lost but fractions of seconds,
// digits of DECIMAL that do not fit, and blanks, as in Flink.
func assignable(from, to value.Type) bool {
	switch {
	case from.Kind == value.Null:
		return true
	case from.IsNumeric() && to.IsNumeric():
		return to.Kind >= from.Kind && !(from.Kind == value.Decimal && to.IsInteger()) ||
			from.Kind == value.Decimal && to.IsApproximate() || from.IsInteger() && to.Kind == value.Decimal
	case from.IsText() && to.IsText():
		return to.Kind == value.Varchar || from.Kind == value.Char
	case from.IsBytes() && to.IsBytes():
		return to.Kind == value.Varbinary || from.Kind == value.Binary
	case from.IsTimestamp():
		return to.IsTimestamp() || to.Kind == value.Date && from.Kind == value.Timestamp || to.Kind == value.Time && from.Kind == value.Timestamp
	case from.Kind != to.Kind:
		return false
	}
	switch from.Kind {
	case value.Array:
		return assignable(*from.Elem, *to.Elem)
	case value.Map:
		return assignable(*from.Key, *to.Key) && assignable(*from.Elem, *to.Elem)
	case value.Row:
		if len(from.Fields) != len(to.Fields) {
			return false
		}
		for i := range from.Fields {
			if !assignable(from.Fields[i].Type, to.Fields[i].Type) {
				return false
			}
		}
	}
	return true
}
