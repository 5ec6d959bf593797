package bind

import (
	"strconv"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
)

// outputColumn is column i of a schema where it is used, at pos.
func outputColumn(s plan.Schema, i int, pos problem.Position) *plan.Column {
	return &plan.Column{At: plan.At{Position: pos}, Index: i, Name: s[i].Name, Of: s[i].Type}
}

// columnsOf are columns with the schema, from the given index on.
func columnsOf(s plan.Schema, first int) []plan.Expr {
	all := make([]plan.Expr, len(s))
	for i, c := range s {
		all[i] = &plan.Column{Index: first + i, Name: c.Name, Of: c.Type}
	}
	return all
}

// numbers are count numbers from first on.
func numbers(first, count int) []int {
	all := make([]int, count)
	for i := range all {
		all[i] = first + i
	}
	return all
}

// hasColumns reports whether e is over any column of its input.
func hasColumns(e plan.Expr) bool { return !plan.UsesOnly(e, func(int) bool { return false }) }

// nameOf is the name of the column that e is, or else another.
func nameOf(e plan.Expr, otherwise string) string {
	switch e := e.(type) {
	case *plan.Column:
		return e.Name
	case *outerColumn:
		if e.Name != "" {
			return e.Name
		}
	}
	return otherwise
}

// namesOf are the names of some columns.
func namesOf(s plan.Schema, columns []int) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = s[c].Name
	}
	return names
}

// firstColumns is node without what stands behind its first columns.
func firstColumns(node plan.Node, width int) plan.Node {
	if len(node.Schema()) == width {
		return node
	}
	return plan.PickFirst(node, width)
}

// timesOf are the time attributes of a plan's columns.
func timesOf(node plan.Node) []plan.TimeAttribute {
	s := node.Schema()
	times := make([]plan.TimeAttribute, len(s))
	for i, c := range s {
		times[i] = c.Time
	}
	return times
}

// timeOf is the time attribute of a column computed by e over columns with the
// given attributes.
func timeOf(e plan.Expr, times []plan.TimeAttribute) plan.TimeAttribute {
	switch e := e.(type) {
	case *plan.Column:
		return times[e.Index]
	case *plan.Call:
		if e.Function.Name == "PROCTIME" {
			return plan.Proctime
		}
	}
	return plan.NoTime
}

// castColumns is node with its columns cast to types and, when names is not
// nil, called by names. Nullability stays each column's own.
func castColumns(node plan.Node, types []value.Type, names []string) plan.Node {
	s := node.Schema()
	p := &plan.Project{Input: node, Exprs: make([]plan.Expr, len(s)), Names: make([]string, len(s)), Times: make([]plan.TimeAttribute, len(s))}
	changed := false
	for i, c := range s {
		e := implicit(outputColumn(s, i, problem.Position{}), types[i])
		p.Exprs[i], p.Names[i] = e, c.Name
		if _, kept := e.(*plan.Column); kept {
			p.Times[i] = c.Time
		} else {
			changed = true
		}
		if names != nil && names[i] != c.Name {
			p.Names[i] = names[i]
			changed = true
		}
	}
	if !changed {
		return node
	}
	return p
}

// unnamed is the name of result column i when it has none, as in Flink.
func unnamed(i int) string { return "EXPR$" + strconv.Itoa(i) }

// uniqueNames gives every repeated name a number, as Flink does.
func uniqueNames(names []string) []string {
	taken := make(map[string]bool, len(names))
	unique := make([]string, len(names))
	for i, name := range names {
		candidate := name
		for n := 0; taken[candidate]; n++ {
			candidate = name + strconv.Itoa(n)
		}
		taken[candidate] = true
		unique[i] = candidate
	}
	return unique
}

// isColumn reports whether e passes a column on.
func isColumn(e plan.Expr) bool {
	_, ok := e.(*plan.Column)
	return ok
}
