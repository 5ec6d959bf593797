package rewrite

import (
	"cmp"
	"slices"

	"tidemark/plan"
)

// reading is a place where a plan reads a table: a scan, or a scan with event
// time and the computed columns below that. Expressions are over the columns of
// the table.
type reading struct {
	top       plan.Node
	scan      *plan.Scan
	watermark *plan.Watermark // nil for a scan alone
	columns   []plan.Expr
	schema    plan.Schema
	filter    plan.Expr // of the scan; nil for none
}

// shareSources lets places that read the same table share one reading of all
// their columns: rows are decoded once, and all places see them at the same time.
func shareSources(n plan.Node) plan.Node {
	places := map[*plan.Table][]*reading{}
	var tables []*plan.Table
	eachReading(n, func(r *reading) {
		if places[r.scan.Table] == nil {
			tables = append(tables, r.scan.Table)
		}
		places[r.scan.Table] = append(places[r.scan.Table], r)
	})
	instead := map[plan.Node]plan.Node{}
	number := 0
	for _, t := range tables {
		if list := places[t]; len(list) > 1 && agree(list) {
			number++
			share(list, number, instead)
		}
	}
	if number == 0 {
		return n
	}
	return replaced(n, instead)
}

// eachReading finds the places below n that do not share yet.
func eachReading(n plan.Node, found func(*reading)) {
	if _, shares := n.(*plan.Shared); shares {
		return
	}
	if r := readingOf(n); r != nil {
		found(r)
		return
	}
	for _, input := range n.Inputs() {
		eachReading(input, found)
	}
}

// readingOf is the place that n is, nil when it is none.
func readingOf(n plan.Node) *reading {
	r := &reading{top: n, schema: n.Schema()}
	below := n
	if w, ok := n.(*plan.Watermark); ok {
		r.watermark, below = w, w.Input
	}
	project, computes := below.(*plan.Project)
	if computes && r.watermark != nil {
		below = project.Input
	}
	scan, ok := below.(*plan.Scan)
	if !ok {
		return nil
	}
	r.scan = scan
	if scan.Filter != nil {
		r.filter = plan.Renumber(scan.Filter, scan.Columns)
	}
	if computes && r.watermark != nil {
		for _, e := range project.Exprs {
			r.columns = append(r.columns, plan.Renumber(e, scan.Columns))
		}
		return r
	}
	for i, c := range scan.Schema() {
		r.columns = append(r.columns, &plan.Column{Index: scan.Columns[i], Name: c.Name, Of: c.Type})
	}
	return r
}

// agree reports whether the places of one table mean the same event time.
func agree(list []*reading) bool {
	first := list[0]
	for _, r := range list[1:] {
		if (r.watermark == nil) != (first.watermark == nil) {
			return false
		}
		if w := r.watermark; w != nil && (w.IdleTimeout != first.watermark.IdleTimeout ||
			!plan.EqualExprs(r.columns[w.Column], first.columns[first.watermark.Column]) ||
			!plan.EqualExprs(plan.Substitute(w.Delayed, r.columns), plan.Substitute(first.watermark.Delayed, first.columns))) {
			return false
		}
	}
	return true
}

// share makes one reading of several and notes what stands in for each of them.
func share(list []*reading, number int, instead map[plan.Node]plan.Node) {
	first := list[0]
	m := merged{table: first.scan.Table, filter: first.filter}
	for _, r := range list[1:] {
		if (r.filter == nil) != (m.filter == nil) || m.filter != nil && !plan.EqualExprs(r.filter, m.filter) {
			m.filter = nil // each place filters for itself
		}
	}
	for _, r := range list {
		m.add(r.columns, r.schema)
		if r.filter != nil && m.filter == nil {
			m.addTableColumns(r.filter)
		}
	}
	m.sort()
	positions := make([][]int, len(list)) // of each place's columns
	for i, r := range list {
		positions[i] = m.positions(r.columns)
	}
	source := m.source(first.scan)
	if w := first.watermark; w != nil {
		source = &plan.Watermark{Input: source, Column: positions[0][w.Column], Delayed: plan.Renumber(w.Delayed, positions[0]), IdleTimeout: w.IdleTimeout}
	}
	for i, r := range list {
		var place plan.Node = &plan.Shared{Input: source, Number: number}
		if r.filter != nil && m.filter == nil {
			place = &plan.Filter{Input: place, Condition: plan.Renumber(r.filter, m.tablePositions())}
		}
		project := &plan.Project{Input: place}
		for c, column := range r.schema {
			project.Add(&plan.Column{Index: positions[i][c], Name: column.Name, Of: column.Type}, column.Name, column.Time)
		}
		instead[r.top] = unlessSame(project)
	}
}

// merged is the columns of a shared reading.
type merged struct {
	table   *plan.Table
	filter  plan.Expr
	columns []mergedColumn
}

type mergedColumn struct {
	expr plan.Expr // over the columns of the table
	as   plan.OutputColumn
}

// at is the position of a column, -1 when it is not there.
func (m *merged) at(e plan.Expr) int {
	return slices.IndexFunc(m.columns, func(c mergedColumn) bool { return plan.EqualExprs(c.expr, e) })
}

// add adds the columns that are new.
func (m *merged) add(columns []plan.Expr, schema plan.Schema) {
	for i, e := range columns {
		if m.at(e) < 0 {
			m.columns = append(m.columns, mergedColumn{e, schema[i]})
		}
	}
}

// sort puts the columns of the table first, in their order there, so that
// nothing has to be computed where there are no others.
func (m *merged) sort() {
	rank := func(c mergedColumn) int {
		if column, ok := c.expr.(*plan.Column); ok {
			return column.Index
		}
		return len(m.table.Columns)
	}
	slices.SortStableFunc(m.columns, func(a, b mergedColumn) int { return cmp.Compare(rank(a), rank(b)) })
}

func (m *merged) positions(columns []plan.Expr) []int {
	positions := make([]int, len(columns))
	for i, e := range columns {
		positions[i] = m.at(e)
	}
	return positions
}

// addTableColumns adds the columns of the table that an expression uses.
func (m *merged) addTableColumns(e plan.Expr) {
	plan.InspectExpr(e, func(e plan.Expr) bool {
		if c, ok := e.(*plan.Column); ok {
			column := m.table.Columns[c.Index]
			m.add([]plan.Expr{&plan.Column{Index: c.Index, Name: column.Name, Of: column.Type}}, plan.Schema{{Name: column.Name, Type: column.Type}})
		}
		return true
	})
}

// tablePositions tells where the columns of the table are, -1 for those that are
// not there.
func (m *merged) tablePositions() []int {
	positions := make([]int, len(m.table.Columns))
	for i := range positions {
		positions[i] = m.at(&plan.Column{Index: i})
	}
	return positions
}

// source is a scan of what the columns need, and the columns.
func (m *merged) source(like *plan.Scan) plan.Node {
	used := make([]bool, len(m.table.Columns))
	for _, c := range m.columns {
		plan.MarkUsed(used, c.expr)
	}
	plan.MarkUsed(used, m.filter)
	scan := *like
	scan.Columns, scan.Filter = nil, nil
	position := make([]int, len(used))
	for i, is := range used {
		if is {
			position[i] = len(scan.Columns)
			scan.Columns = append(scan.Columns, i)
		}
	}
	if m.filter != nil {
		scan.Filter = plan.Renumber(m.filter, position)
	}
	project := &plan.Project{Input: &scan}
	for _, c := range m.columns {
		project.Add(plan.Renumber(c.expr, position), c.as.Name, withoutRowtime(c.as.Time))
	}
	return unlessSame(project)
}

// withoutRowtime is a time attribute below the watermark.
func withoutRowtime(t plan.TimeAttribute) plan.TimeAttribute {
	if t == plan.Rowtime {
		return plan.NoTime
	}
	return t
}

// replaced rebuilds n with other nodes in some places.
func replaced(n plan.Node, instead map[plan.Node]plan.Node) plan.Node {
	if other, ok := instead[n]; ok {
		return other
	}
	inputs := slices.Clone(n.Inputs())
	for i, input := range inputs {
		inputs[i] = replaced(input, instead)
	}
	return plan.WithInputs(n, inputs)
}
