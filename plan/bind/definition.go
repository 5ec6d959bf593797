package bind

import (
	"fmt"
	"strings"
	"time"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
	"tidemark/sql"
)

// View binds CREATE VIEW. canonical is its query in canonical print, which the view
// is expanded from.
func View(catalog Catalog, session Session, v *sql.CreateView, canonical string) (*plan.Table, error) {
	b := newBinder(catalog, session)
	table := &plan.Table{Name: v.Name.String(), Kind: plan.View, Temporary: v.Temporary, Query: canonical}
	if v.Comment != nil {
		table.Comment = v.Comment.Text
	}
	node := b.query(v.Query, nil)
	if err := b.problems(); err != nil {
		return nil, err
	}
	s := node.Schema()
	if len(v.Columns) > 0 && len(v.Columns) != len(s) {
		b.wrong(v.Columns[0].Pos(), problem.InvalidQuery, "name each of them", "the query has %s, not %d", counted(len(s), "column"), len(v.Columns))
		return nil, b.problems()
	}
	for i, c := range s {
		column := plan.TableColumn{Name: c.Name, Type: c.Type}
		if len(v.Columns) > 0 {
			column.Name = v.Columns[i].Name.Text
			column.Comment = text(v.Columns[i].Comment)
		}
		table.Columns = append(table.Columns, column)
	}
	return table, nil
}

// Materialized is a materialized table as defined.
type Materialized struct {
	Table     *plan.Table
	Plan      plan.Node     // its query; its columns are the table's, in type and order
	Freshness time.Duration // how old the table may be; 0 when not said
	Scheduled bool          // REFRESH_MODE = FULL: computed anew each time
}

// MaterializedTable binds CREATE MATERIALIZED TABLE. canonical is its query in
// canonical print. Rows of a result that changes replace each other by the
// declared primary key, or else by the key that the query has by itself.
func MaterializedTable(catalog Catalog, session Session, m *sql.CreateMaterializedTable, canonical string) (*Materialized, error) {
	b := newBinder(catalog, session)
	d := &tableDraft{binder: b, table: &plan.Table{Name: m.Name.String(), Kind: plan.Materialized, Query: canonical, Options: map[string]string{}}}
	if m.Comment != nil {
		d.table.Comment = m.Comment.Text
	}
	out := &Materialized{Table: d.table, Scheduled: m.RefreshMode == "FULL"}
	node := b.query(m.Query, nil)
	if node != nil {
		node = d.resultColumns(m, node)
	}
	d.partitions(m.PartitionBy)
	d.options(m.With)
	node, err := b.keptAs(node, d.table.Options)
	if err != nil {
		b.report(optionPosition(m.With, err, m.Name.Pos()), err)
	}
	node = b.keptFor(node)
	if _, _, err := Emission(d.table.Options); err != nil {
		b.report(optionPosition(m.With, err, m.Name.Pos()), err)
	}
	if m.Freshness != nil {
		out.Freshness = b.freshness(m.Freshness)
	}
	if err := b.problems(); err != nil {
		return nil, err
	}
	if d.table.PrimaryKey == nil {
		if key, ok := plan.UniqueKey(node); ok && len(key) > 0 {
			d.table.PrimaryKey = key
		}
	}
	out.Plan = node
	return out, nil
}

// optionPosition is where the option stands that err is about.
func optionPosition(list []*sql.Option, err error, otherwise problem.Position) problem.Position {
	for _, o := range list {
		if o.Key.Text == problem.Of(err).Field {
			return o.Key.Pos()
		}
	}
	return otherwise
}

// resultColumns settles the columns: those declared, which the query is cast
// to, or the query's own.
func (d *tableDraft) resultColumns(m *sql.CreateMaterializedTable, node plan.Node) plan.Node {
	typed := false
	for _, e := range m.Elements {
		switch e.(type) {
		case *sql.PhysicalColumn:
			typed = true
		case *sql.MetadataColumn, *sql.ComputedColumn, *sql.WatermarkElement:
			d.unsupported(e.Pos(), "a computed or metadata column or a watermark of a materialized table", "select what it is computed from; a time of a window stays one as window_time")
		case *sql.PrimaryKey:
		}
	}
	if !typed {
		d.columnsOf(node, m.ColumnNames)
	}
	d.elements(m.Elements)
	return d.castTo(m, node)
}

// castTo casts the query to the columns of the table.
func (d *tableDraft) castTo(m *sql.CreateMaterializedTable, node plan.Node) plan.Node {
	s := node.Schema()
	columns := d.table.Written()
	if len(columns) != len(s) {
		d.wrong(m.Query.Pos(), problem.InvalidQuery, "declare as many columns as the query has", "the query has %s, but %s has %d", counted(len(s), "column"), d.table.Name, len(columns))
		return nil
	}
	types, names := make([]value.Type, len(s)), make([]string, len(s))
	for i, at := range columns {
		c := d.table.Columns[at]
		types[i], names[i] = c.Type, c.Name
		if !assignable(s[i].Type, c.Type) {
			d.wrong(itemPosition(m.Query.Body, i), problem.TypeMismatch, fmt.Sprintf("write CAST(… AS %s)", c.Type.Optional()),
				"column %s of %s is %s, but the query gives %s", c.Name, d.table.Name, c.Type.Optional(), s[i].Type.Optional())
		}
	}
	return castColumns(node, types, names)
}

// freshness reads FRESHNESS = INTERVAL '…' unit.
func (b *binder) freshness(i *sql.Interval) time.Duration {
	v, err := intervalValue(i)
	if err != nil {
		b.report(i.Pos(), err)
		return 0
	}
	if v.Type.Kind != value.IntervalDayTime || v.Int <= 0 {
		b.wrong(i.Pos(), problem.InvalidOption, "write FRESHNESS = INTERVAL '1' MINUTE", "FRESHNESS is a positive number of seconds, minutes, hours or days")
		return 0
	}
	return time.Duration(v.Int) * time.Millisecond
}

// Define binds CREATE FUNCTION … AS expression. definition is the statement in
// canonical print.
func Define(catalog Catalog, session Session, c *sql.CreateFunction, definition string) (*Function, error) {
	b := newBinder(catalog, session)
	if c.Language == wasmLanguage {
		f := b.module(c)
		if err := b.problems(); err != nil {
			return nil, err
		}
		f.Definition = definition
		return f, nil
	}
	if c.Body == nil {
		b.unsupported(c.Name.Pos(), "a function of "+strings.TrimSpace(c.Language+" code"), "write its expression: CREATE FUNCTION f(a BIGINT) RETURNS BIGINT AS a * 2")
		return nil, b.problems()
	}
	f := &Function{Name: strings.ToUpper(c.Name.Last().Text), Body: c.Body, Definition: definition}
	parameters := map[string]plan.Expr{}
	for i, p := range c.Parameters {
		if _, twice := parameters[p.Name.Text]; twice {
			b.wrong(p.Name.Pos(), problem.AlreadyExists, "rename one of them", "parameter %s is there twice", p.Name.Text)
		}
		parameters[p.Name.Text] = &plan.Column{At: plan.At{Position: p.Name.Pos()}, Index: i, Name: p.Name.Text, Of: p.Type.Type}
		f.Parameters = append(f.Parameters, Parameter{Name: p.Name.Text, Type: p.Type.Type})
	}
	b.inline = []string{f.Name}
	body := b.expr(c.Body, &scope{clause: "the body of a function", aliases: parameters})
	if body != nil {
		f.Returns = body.Type()
		if c.Returns != nil {
			f.Returns = c.Returns.Type
			if !assignable(body.Type(), f.Returns) {
				b.wrong(c.Body.Pos(), problem.TypeMismatch, fmt.Sprintf("write CAST(… AS %s)", f.Returns.Optional()), "%s returns %s, but its body is %s", f.Name, f.Returns.Optional(), body.Type().Optional())
			}
		}
	}
	if err := b.problems(); err != nil {
		return nil, err
	}
	return f, nil
}
