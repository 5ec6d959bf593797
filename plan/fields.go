package plan

import "tidemark/base/value"

// UnreadFields tells of every scan of a plan which fields of its ROW columns
// nobody reads: by column of the scan and by field, nil for a column of which all
// may be read.
func UnreadFields(root Node) map[*Scan][][]bool {
	r := fieldReading{}
	r.visit(root, wholeColumns(root))
	unread := make(map[*Scan][][]bool, len(r))
	for scan, columns := range r {
		unread[scan] = make([][]bool, len(columns))
		for i, column := range columns {
			if column.whole || scan.Schema()[i].Type.Kind != value.Row {
				continue
			}
			unread[scan][i] = make([]bool, len(scan.Schema()[i].Type.Fields))
			for f := range unread[scan][i] {
				unread[scan][i][f] = !column.fields[f]
			}
		}
	}
	return unread
}

// fieldReading is what is read of the columns of scans.
type fieldReading map[*Scan][]columnReading

// columnReading is what is read of a column. The zero value is nothing but
// whether it is NULL.
type columnReading struct {
	whole  bool
	fields map[int]bool
}

func wholeColumns(n Node) []columnReading {
	columns := make([]columnReading, len(n.Schema()))
	for i := range columns {
		columns[i].whole = true
	}
	return columns
}

// visit notes what is read of scans when the given is read of n. Nodes that a
// column passes as it is ask for no more of it than those above them.
func (r fieldReading) visit(n Node, read []columnReading) {
	switch n := n.(type) {
	case *Scan:
		if r[n] == nil {
			r[n] = make([]columnReading, len(read))
		}
		for i, column := range read {
			r[n][i].merge(column)
		}
		noteReading(r[n], n.Filter)
	case *Filter:
		below := passedOn(read)
		noteReading(below, n.Condition)
		r.visit(n.Input, below)
	case *Watermark:
		below := passedOn(read)
		below[n.Column].whole = true
		noteReading(below, n.Delayed)
		r.visit(n.Input, below)
	case *Project:
		below := make([]columnReading, len(n.Input.Schema()))
		for i, e := range n.Exprs {
			if column, ok := e.(*Column); ok {
				below[column.Index].merge(read[i])
			} else {
				noteReading(below, e)
			}
		}
		r.visit(n.Input, below)
	case *Shared:
		r.visit(n.Input, read)
	default:
		for _, input := range n.Inputs() {
			r.visit(input, wholeColumns(input))
		}
	}
}

// passedOn is a copy that can be changed.
func passedOn(read []columnReading) []columnReading {
	below := make([]columnReading, len(read))
	for i, column := range read {
		below[i].merge(column)
	}
	return below
}

func (c *columnReading) merge(other columnReading) {
	c.whole = c.whole || other.whole
	for f := range other.fields {
		c.field(f)
	}
}

func (c *columnReading) field(f int) {
	if c.fields == nil {
		c.fields = map[int]bool{}
	}
	c.fields[f] = true
}

// noteReading adds what an expression, nil for none, reads of its columns.
func noteReading(read []columnReading, e Expr) {
	if e == nil {
		return
	}
	InspectExpr(e, func(e Expr) bool {
		switch e := e.(type) {
		case *Field:
			if column, ok := e.Input.(*Column); ok {
				read[column.Index].field(e.Index)
				return false
			}
		case *Column:
			read[e.Index].whole = true
		default:
		}
		return true
	})
}
