// Package lineage tells where the columns of a result come from: which columns
// of which tables each is made of, and which decide what rows there are.
//
// It is not a log of data: it is read off a plan, before anything runs.
//
// Flow: Of walks the plan from the sources up; Print is for EXPLAIN
// LINEAGE; the catalog keeps the edges of materialized tables.
//
// Invariants:
//  1. A column that can change a result column's value is among its sources, or
//     among the influences; the opposite may not hold (CASE WHEN TRUE …).
//  2. Each source column appears once per result column, with the kind that
//     says most: Aggregated over Transformed over Direct over Filters.
package lineage

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tidemark/plan"
)

// Kind is how a source column takes part.
type Kind uint8

// The kinds, those that say least first. The last three are how a result
// column is made, the others how a column chooses rows: for all result columns,
// or, as Filters, in the FILTER of one aggregate.
const (
	Filters     Kind = iota // in a condition that rows must meet
	Groups                  // in a key that rows are grouped by
	Windows                 // the time that puts rows into windows
	Joins                   // in what rows of two tables must agree in
	Orders                  // in an ORDER BY
	Direct                  // passed on as it is
	Transformed             // computed from, row by row
	Aggregated              // computed from many rows
)

// String names the kind.
func (k Kind) String() string {
	return [...]string{"filter", "group", "window", "join", "order", "direct", "transformed", "aggregated"}[k]
}

// Source is a column of a table and its part in a result.
type Source struct {
	Table, Column string
	Kind          Kind
}

// Column is a result column with its sources, in the order of table and column.
type Column struct {
	Name    string
	Sources []Source
}

// Lineage is where a result comes from.
type Lineage struct {
	Columns    []Column
	Influences []Source // what decides which rows there are; a column can appear with several kinds
	Tables     []string // read, even if no column of them is
}

// Of reads the lineage of a plan's result.
func Of(n plan.Node) Lineage {
	t := &tracer{influences: map[Source]bool{}, tables: map[string]bool{}}
	columns := t.trace(n)
	var l Lineage
	for i, c := range n.Schema() {
		l.Columns = append(l.Columns, Column{Name: c.Name, Sources: columns[i].list()})
	}
	for s := range t.influences {
		l.Influences = append(l.Influences, s)
	}
	sortSources(l.Influences)
	for table := range t.tables {
		l.Tables = append(l.Tables, table)
	}
	slices.Sort(l.Tables)
	return l
}

// Tables names the tables that a plan reads, in order.
func Tables(n plan.Node) []string { return Of(n).Tables }

// Print writes a lineage for EXPLAIN LINEAGE, a result column a paragraph.
func Print(l Lineage) string {
	var b strings.Builder
	for _, c := range l.Columns {
		b.WriteString(plan.Quote(c.Name) + "\n")
		for _, s := range c.Sources {
			fmt.Fprintf(&b, "  from %s\n", s)
		}
		if len(c.Sources) == 0 {
			b.WriteString("  from no column\n")
		}
	}
	if len(l.Influences) > 0 {
		b.WriteString("rows depend on\n")
		for _, s := range l.Influences {
			fmt.Fprintf(&b, "  %s\n", s)
		}
	}
	fmt.Fprintf(&b, "tables: %s\n", strings.Join(l.Tables, ", "))
	return b.String()
}

// String is Print.
func (l Lineage) String() string { return Print(l) }

// String prints table.column (kind).
func (s Source) String() string {
	return fmt.Sprintf("%s.%s (%s)", plan.Quote(s.Table), plan.Quote(s.Column), s.Kind)
}

func sortSources(list []Source) {
	slices.SortFunc(list, func(a, b Source) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Kind, b.Kind))
	})
}

// origin is a column of a table.
type origin struct{ table, column string }

// sources are the origins of one column, each with the kind that says most.
type sources map[origin]Kind

// add takes over more sources; those that make the column become atLeast.
func (s sources) add(more sources, atLeast Kind) {
	for o, kind := range more {
		if kind >= Direct {
			kind = max(kind, atLeast)
		}
		s[o] = max(s[o], kind)
	}
}

// choose adds sources that only choose which rows count.
func (s sources) choose(more sources) {
	for o := range more {
		s[o] = max(s[o], Filters)
	}
}

func (s sources) list() []Source {
	var list []Source
	for o, kind := range s {
		list = append(list, Source{Table: o.table, Column: o.column, Kind: kind})
	}
	sortSources(list)
	return list
}

// tracer walks a plan and collects what is not of one column.
type tracer struct {
	influences map[Source]bool
	tables     map[string]bool
}

// trace gives the sources of every column of n.
func (t *tracer) trace(n plan.Node) []sources {
	switch n := n.(type) {
	case *plan.Scan:
		return t.scan(n)
	case *plan.Values:
		columns := make([]sources, len(n.Columns))
		for i := range columns {
			columns[i] = sources{}
		}
		return columns
	case *plan.Watermark:
		return t.trace(n.Input)
	case *plan.Filter:
		columns := t.trace(n.Input)
		t.influence(of(n.Condition, columns), Filters)
		return columns
	case *plan.Project:
		return project(n.Exprs, t.trace(n.Input))
	case *plan.Window:
		columns := t.trace(n.Input)
		return append(columns, t.window(n.Spec, columns, 3)...)
	case *plan.Aggregate:
		return t.groups(n.Keys, n.Calls, n.Groupings, t.trace(n.Input))
	case *plan.WindowAggregate:
		input := t.trace(n.Input)
		columns := t.groups(n.Keys, n.Calls, n.Groupings, input)
		return append(columns, t.window(n.Spec, input, len(n.Properties))...)
	case *plan.Union:
		return t.union(n)
	case *plan.Sort:
		columns := t.trace(n.Input)
		for _, k := range n.Keys {
			t.influence(of(k.Expr, columns), Orders)
		}
		return columns
	case *plan.Limit:
		return t.trace(n.Input)
	case *plan.Shared:
		return t.trace(n.Input)
	case *plan.Normalize:
		return t.trace(n.Input)
	case *plan.Join:
		return t.join(n.Kind, n.Keys, n.Condition, t.trace(n.Left), t.trace(n.Right))
	case *plan.MultiJoin:
		return t.trace(n.Joins())
	case *plan.TemporalJoin:
		left, right := t.trace(n.Left), t.trace(n.Right)
		t.influence(left[n.LeftTime], Joins)
		t.influence(right[n.RightTime], Joins)
		return t.join(n.Kind, n.Keys, n.Condition, left, right)
	case *plan.LookupJoin:
		return t.lookup(n)
	case *plan.Unnest:
		columns := t.trace(n.Input)
		from := of(n.Collection, columns)
		t.influence(from, Joins)
		for range len(n.Schema()) - len(columns) {
			made := sources{}
			made.add(from, Transformed)
			columns = append(columns, made)
		}
		if n.Condition != nil {
			t.influence(of(n.Condition, columns), Joins)
		}
		return columns
	case *plan.Over:
		return t.over(n)
	case *plan.Match:
		return t.match(n)
	case *plan.Rank:
		columns := t.trace(n.Input)
		t.ordering(n.Partition, n.Order, columns)
		if n.Number {
			columns = append(columns, t.orderedBy(n.Partition, n.Order, columns))
		}
		return columns
	}
	panic(fmt.Sprintf("lineage: unknown node %T", n))
}

func (t *tracer) influence(s sources, kind Kind) {
	for o := range s {
		t.influences[Source{Table: o.table, Column: o.column, Kind: kind}] = true
	}
}

func (t *tracer) scan(n *plan.Scan) []sources {
	t.tables[n.Table.Name] = true
	columns := make([]sources, len(n.Columns))
	for i, c := range n.Columns {
		columns[i] = sources{{table: n.Table.Name, column: n.Table.Columns[c].Name}: Direct}
	}
	if n.Filter != nil {
		t.influence(of(n.Filter, columns), Filters)
	}
	return columns
}

// of is what an expression is computed from; a plain column is passed on.
func of(e plan.Expr, columns []sources) sources {
	if c, ok := e.(*plan.Column); ok {
		return columns[c.Index]
	}
	made := sources{}
	plan.InspectExpr(e, func(e plan.Expr) bool {
		if c, ok := e.(*plan.Column); ok {
			made.add(columns[c.Index], Transformed)
		}
		return true
	})
	return made
}

func project(exprs []plan.Expr, input []sources) []sources {
	columns := make([]sources, len(exprs))
	for i, e := range exprs {
		columns[i] = of(e, input)
	}
	return columns
}

// window is the sources of window properties: the time, which also decides
// what is counted together.
func (t *tracer) window(spec plan.WindowSpec, input []sources, properties int) []sources {
	t.influence(input[spec.Time], Windows)
	for _, k := range spec.Keys {
		t.influence(input[k], Groups)
	}
	columns := make([]sources, properties)
	for i := range columns {
		columns[i] = sources{}
		columns[i].add(input[spec.Time], Transformed)
	}
	return columns
}

// groups is the sources of an aggregate's columns.
func (t *tracer) groups(keys []plan.Expr, calls []plan.AggregateCall, groupings [][]int, input []sources) []sources {
	columns := project(keys, input)
	for _, c := range columns {
		t.influence(c, Groups)
	}
	for _, call := range calls {
		made := sources{}
		for _, arg := range call.Args {
			made.add(of(arg, input), Aggregated)
		}
		if call.Filter != nil {
			made.choose(of(call.Filter, input))
		}
		columns = append(columns, made)
	}
	for range groupings {
		columns = append(columns, sources{})
	}
	return columns
}

func (t *tracer) union(n *plan.Union) []sources {
	columns := make([]sources, len(n.Schema()))
	for i := range columns {
		columns[i] = sources{}
	}
	for _, input := range n.All {
		for i, s := range t.trace(input) {
			columns[i].add(s, Direct)
		}
	}
	return columns
}
